"""Agents that people step, break and mend: in a page that needs no Python, or in the same page with a server behind it.
A leaf: delete the folder, and all else works on.

The page from disk. Worlds and policies become graphs of tensor operators (`graphs`: which parts; `tracing`,
`operators`: how; `together`: the rules that the page searches with; `blob`: their constants; `cache`: kept between
runs). `page` puts the page together; `earlier` adds the agent as it was after earlier updates, and `advice_table` the
optimum of a world that answers. `static/graph.js` runs a graph, `static/engine.js` answers with graphs.

The server. `gate` says who may speak, with a secret of `tokens`; `server` has the sockets; `desk` gives each question
to the part that answers it (`asking`: what the parts rely on). `questions` answers for worlds and agents:
`words` says which ones a page means, `tables` keeps those that lie open, `retelling` plays scripts, `way_question`
tells the optimum, `wire` turns tensors into JSON. `watching` answers for runs: `run_list` lists them,
`following` and `specimen` tell of a training as it goes on, `trainings` starts and stops one with the settings that
`settings_offered` offers.

Both. `contents` is what is told of a world and its agents: `problems`, `registers`, `units` of memory, a `tour` of
sessions with `links`. `advising` tells what is best and known in a world that answers. `scripts` joins the JavaScript
of `static`.
"""
