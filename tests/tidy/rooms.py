"""Which room may include which: always downwards."""

# Each room may include itself and those before it; rooms of one line do not include each other.
ENGINE = [
    ["include"],  # "minikv/store.h", which anybody may include who may include the engine at all
    ["base"],
    ["io"],
    ["format"],
    ["index"],
    ["segment"],
    ["core"],
    ["files", "recovery"],
    ["commit"],
    ["compaction"],
    ["store"],
]
SERVER = [["config"], ["memory"], ["log"], ["request"], ["commands"], ["net"], ["tools"], ["daemon"]]
# The engine's tools stand on the segments, and none of its other rooms on them.
ENGINE_TOOLS = "tools"
ENGINE_TOOLS_ABOVE = "segment"

# Which folders a folder may include, itself among them.
FOLDERS = {
    "protocol": {"protocol"},
    "client": {"client", "protocol"},
    "engine": {"engine"},
    "server": {"server", "protocol", "engine"},
    "examples": {"examples", "engine"},
    "bench": {"bench", "engine", "protocol"},
    "tests": {"tests", "bench", "client", "engine", "protocol", "server"},
}
# And which of the engine's rooms, where not all.
ENGINE_ROOMS_FOR = {"server": {"include", "base", "format", "tools"}, "examples": {"include"}}


def place_of(path):
    """(folder, room) of a path, or of an include; a folder without rooms has the room ""."""
    parts = path.split("/")
    if parts[0] == "minikv":
        return "engine", "include"
    has_rooms = parts[0] in ("engine", "server") and len(parts) > 2
    return parts[0], parts[1] if has_rooms else ""


def may_include(user, used):
    """Both as place_of() has them."""
    (folder, room), (used_folder, used_room) = user, used
    if folder not in FOLDERS:
        return True
    if used_folder not in FOLDERS[folder]:
        return False
    if used_folder == "engine" and used_room not in ENGINE_ROOMS_FOR.get(folder, {used_room}):
        return False
    if user == used or folder != used_folder or folder not in ("engine", "server"):
        return True
    if folder == "engine" and used_room == ENGINE_TOOLS:
        return False
    if folder == "engine" and room == ENGINE_TOOLS:
        return floor_of(ENGINE, used_room) <= floor_of(ENGINE, ENGINE_TOOLS_ABOVE)
    order = ENGINE if folder == "engine" else SERVER
    return floor_of(order, used_room) < floor_of(order, room)


def is_known(place):
    folder, room = place
    if folder == "engine":
        return room == ENGINE_TOOLS or any(room in floor for floor in ENGINE)
    return folder != "server" or any(room in floor for floor in SERVER)


def floor_of(order, room):
    return next(i for i, floor in enumerate(order) if room in floor)
