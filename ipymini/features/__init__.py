"What cells gain: commands on a terminal, pip in the kernel's environment, pools of functions that cells define, snapshots."
