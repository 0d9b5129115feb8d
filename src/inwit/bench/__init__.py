"""`inwit bench`: how soon which learner teaches which policy. A leaf: delete the folder and its command, and all else
works on."""
