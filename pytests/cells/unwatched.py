"""A cell that goes on while its page is closed: lines, a figure that changes, a progress bar, an error.

It goes on when another client sets `go`."""
import time, matplotlib.pyplot as plt
from IPython.display import display
from tqdm import tqdm

figure,axes = plt.subplots(figsize=(3, 2))
axes.set_title("before")
shown = display(figure, display_id=True)
plt.close(figure)
print("first")
go = False
while not go: time.sleep(.05)
for number in tqdm(range(50)): print("line", number) if number % 25 == 0 else time.sleep(.01)
axes.plot([1, 3, 2])
axes.set_title("after")
shown.update(figure)
print("unwatched")
1/0
