"What libraries and people look for under ipykernel's names, and modules of theirs whose names others have, too"

def test_a_module_of_the_users_may_be_called_comm(own, tmp_path):
    (tmp_path/"comm.py").write_text("speed = 9600\n")
    kc = own(cwd=tmp_path)
    assert kc.request("comm_info_request").content == dict(status="ok", comms={})
    assert kc.run("import comm\ncomm.speed").result == "9600"
    assert kc.request("comm_info_request").content == dict(status="ok", comms={})
    assert "a module called comm hides the package" in kc.request("comm_open", dict(comm_id="c", target_name="t", data={})).stderr

def test_a_module_of_the_users_may_be_called_trio(own, tmp_path):
    (tmp_path/"trio.py").write_text("voices = 3\n")
    assert own(cwd=tmp_path).run("import trio\ntrio.voices").result == "3"
