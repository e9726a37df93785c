"What cells gain over Python and IPython: commands on a terminal, pip in the kernel's environment, pools of functions that cells define, snapshots."
