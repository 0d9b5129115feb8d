"""`inwit export RUN ...`: the agent as ONNX, or as a folder that travels: see docs/ecosystem.md.

Take an agent out of its run: as ONNX (needs the extra `export`; checked in onnxruntime on 1,000
states before it is kept), or as a folder with weights, configuration and a model card, for the Hub.

example: inwit export latest --onnx agent.onnx
"""

from __future__ import annotations

from inwit.commands.arguments import Parser, add_run
from inwit.core.errors import UserError


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    add_run(parser)
    parser.add_argument(
        "--onnx", help="write the step function here, and the prompt's reader beside it", metavar="FILE"
    )
    parser.add_argument("--folder", help="write weights, configuration and card here", metavar="FOLDER")
    args = parser.parse_args(arguments)
    if not (args.onnx or args.folder):
        raise UserError("there is nothing to export: give --onnx FILE or --folder FOLDER")
    from inwit.runs.loading import load

    agent = load(args.run)
    if args.onnx:
        from inwit.integrations.onnx import export_onnx

        print("written: {} and {}".format(*export_onnx(agent, args.onnx)))
    if args.folder:
        from inwit.integrations.hub import save_pretrained

        print(f"written: {save_pretrained(agent, args.folder)}")
    return 0
