"A program that asks as its arguments say: `name`, `password`, `readline`, `twice`, `again` (until it hears stop), `thinks`."
import getpass, sys, time

what = sys.argv[1]
if what == "name": print("hello", input("Your name? "))
elif what == "password": print("secret of", len(getpass.getpass("Key: ")))
elif what == "readline":
    __import__("readline")
    print("read", input("rl> "))
elif what == "twice": print(input("first: ") + input("second: "))
elif what == "again":
    while True:
        try:
            if input("again? ") == "stop": break
        except EOFError: pass
elif what == "thinks":
    print("thinking: ", end="", flush=True)
    time.sleep(1)
    print("done")
