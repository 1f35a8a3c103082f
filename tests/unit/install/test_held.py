"""held: what an error concerns stays as it is on the machine; everything else is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from wctl.config.blame import blame
from wctl.config.load import load
from wctl.errors import Diagnostic, Place
from wctl.install import changes, pending
from wctl.install.changes import Plan
from wctl.install.held import Left, hold
from wctl.install.installed import Layout
from wctl.install.pending import Intent
from wctl.operate import apply
from wctl.units.host import Host
from wctl.units.render import render

BAD = "autostart=maybe\n"
A, B, C, D = (f"[program:{name}]\ncommand=old\n" for name in "abcd")
GROUP = "[group:g]\nprograms=a,b\n"


class Machine:
    """The files of a machine, without systemd."""

    def __init__(self, directory: Path) -> None:
        self.units = directory / "units"
        self.conf = directory / "conf.d"
        for made in (self.units, self.conf):
            made.mkdir()
        self.layout = Layout(False, self.units, (), directory, directory / "env")
        self.left: tuple[Left, ...] = ()

    def plan(
        self, *texts: str | None, prune: bool = False, more: tuple[Diagnostic, ...] = ()
    ) -> Plan:
        """Returns the plan for these files: 0, 1 … A file of None cannot be read."""
        for old in self.conf.iterdir():
            old.unlink()
        files = [self.conf / str(number) for number in range(len(texts))]
        for file, text in zip(files, texts):
            if text is not None:
                file.write_text(text)
        config = load(files, {})
        found = blame(config, (*config.errors, *more))
        assert found.everything == []
        config, self.left = hold(config, found, self.layout)
        rendered = render(config, Host(environment_directory=str(self.layout.environment)))
        searched = [str(self.conf)]
        plan = changes.plan(config, rendered, self.layout, searched, prune=prune)
        return apply.with_unfinished(plan, config, self.layout)

    def update(self, *texts: str | None) -> Plan:
        """Carries out the plan for these files, as far as files are concerned."""
        plan = self.plan(*texts)
        changes.write(plan)
        changes.delete(plan)
        for program in plan.removed:
            assert not program.file.exists()
        return plan

    @property
    def files(self) -> Mapping[str, str]:
        """The text of each file that is installed."""
        found = [*self.units.iterdir(), *self.layout.environment.glob("*")]
        return {file.name: file.read_text() for file in found}

    def of(self, *programs: str) -> dict[str, str]:
        """Returns the files of these programs."""
        return {
            name: text
            for name, text in self.files.items()
            if name.replace("@", ".").split(".")[0] in programs
        }

    @property
    def held(self) -> list[str]:
        """The names of the programs that the last plan leaves as they are."""
        return [program.name for program in self.left]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def names(programs: tuple[object, ...]) -> list[str]:
    return [str(getattr(program, "name", program)) for program in programs]


BROKEN = {
    "value": A + BAD,
    "no command": "[program:a]\n",
    "socket": "[fcgi-program:a]\ncommand=old\n",
    "twice": f"{A}[fcgi-program:a]\ncommand=old\nsocket=tcp://a:1\n",
    "other name of the kind": f"{A}[program: a]\ncommand=old\n",
    "requires": f"{A}requires=nosuch\n",
    "together": f"{A}stopasgroup=true\nkillasgroup=false\n",
    "verbatim": f"{A}systemd.Nonsense.A=1\n",
    "rescaled": f"{A}{BAD}numprocs=3\nprocess_name=%(process_num)d\n",
    "variables": f"{A}{BAD}environment=A=2\n",
    "another group": f"{A}{BAD}[group:other]\nprograms=a,b\n",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_one_program_among_others(machine: Machine, broken: str) -> None:
    """No file of a broken program is written or deleted; others are changed, added and removed."""
    machine.update(f"{A}environment=A=1\n{B}{C}")
    before = machine.of("a")
    assert sorted(before) == ["a.env", "a.target", "a@.service"]
    plan = machine.update(broken + B.replace("old", "new") + D)
    assert machine.held == ["a"]
    assert str(machine.left[0]).startswith("a: left as it is, with its installed configuration")
    assert machine.of("a") == before
    assert (names(plan.added), names(plan.removed)) == (["d"], ["c"])
    assert names(plan.changed) == ["b"]
    assert (plan.rescaled, plan.spared, plan.kept) == ((), (), ())
    assert "d" in names(plan.touched) and "a" not in names(plan.touched)
    mended = machine.update(A.replace("old", "new") + B.replace("old", "new") + D)
    assert (machine.held, names(mended.changed)) == (
        [],
        ["a", *(["b"] if "other" in broken else [])],
    )


def test_broken_program_that_is_not_installed(machine: Machine) -> None:
    """A new program with an error is named, and nothing is written for it."""
    plan = machine.update(A + BAD + B)
    assert (names(plan.added), list(machine.of("a"))) == (["b"], [])
    place = machine.conf / "0"
    assert list(map(str, machine.left)) == [f"a: not installed, because of the error in {place}:3"]


def test_program_that_may_have_been_renamed(machine: Machine) -> None:
    """With an error under its new name, a program is not removed under its old one."""
    machine.update(A + B, C)
    plan = machine.plan(f"[program:new]\ncommand=old\n{BAD}{B}", D)
    assert [program.name for program in plan.spared] == ["a"]
    assert [program.name for program in plan.removed] == ["c"]
    assert {path.name for path in plan.deletes} == {"c@.service", "c.target"}
    plan = machine.update(f"[program:new]\ncommand=old\n{B}", D)
    assert sorted(program.name for program in plan.removed) == ["a", "c"]


def test_member_of_a_group_that_no_boot_starts(machine: Machine) -> None:
    """While it is held, the group's target does not start it either."""
    by_hand = f"{A}autostart=false\n"
    machine.update(by_hand + B + GROUP)
    assert "Wants=b.target\n" in machine.files["g.target"]
    machine.update(by_hand + BAD + B + C + "[group:g]\nprograms=a,b,c\n")
    assert machine.held == ["a"]
    assert "Wants=b.target\nWants=c.target\n" in machine.files["g.target"]
    assert "Wants=a.target" not in machine.files["g.target"]
    machine.update(by_hand + BAD + "[group:g]\nprograms=a\n")
    assert "Wants=a.target" in machine.files["g.target"]  # no boot starts the target now


def test_member_of_a_group(machine: Machine) -> None:
    """A broken program stays in its group; the other members come, go and change."""
    machine.update(A + B + GROUP)
    before = machine.of("a", "g")
    machine.update(A + BAD + B + GROUP)
    assert machine.of("a", "g") == before
    machine.update(A + BAD + B + C + "[group:g]\nprograms=c,a\n")
    assert machine.of("a") == {name: before[name] for name in before if name[0] == "a"}
    assert "Wants=c.target\nWants=a.target\n" in machine.files["g.target"]
    assert "Wants=b" not in machine.files["g.target"]
    machine.update(A + BAD + B + C + "[group:g]\nprograms=c\n")
    assert "X-Wctl-Programs=c a\n" in machine.files["g.target"]
    machine.update(A + BAD + B + C)  # the group is gone, but a is still in it
    assert "Wants=a.target\n" in machine.files["g.target"]
    machine.update(A + B + C)
    assert machine.of("g") == {}


def test_program_with_the_name_of_its_group(machine: Machine) -> None:
    """A group of one program, of the same name, has no target of its own to be written."""
    group = "[group:a]\nprograms=a\n"
    machine.update(A + B + group)
    before = machine.of("a")
    assert machine.update(A + BAD + B + group).empty
    machine.update(A + B + "[group:a]\nprograms=b\n")  # an error: both would be a.target
    assert (machine.held, machine.of("a")) == (["a", "b"], before)


def test_broken_program_gets_no_new_group(machine: Machine) -> None:
    """The target of a group does not pull in a program that is not in the group yet."""
    machine.update(A + B)
    machine.update(A + BAD + B + GROUP)
    assert "X-Wctl-Programs=b\n" in machine.files["g.target"]


GROUPS = {
    "unknown": "[group:g]\nprograms=a,b,nosuch\n",
    "expansion": "[group:g]\nprograms=%(ENV_NO)s\n",
    "priority": f"{GROUP}priority=high\n",
    "twice": f"{GROUP}[group: g]\nprograms=a,b\n",
    "in two": f"[group:f]\nprograms=a\n{GROUP}",
    "name": "[group:g]\nprograms=a,b\n[group:g /]\nprograms=a,b\n",
}


@pytest.mark.parametrize("wrong", GROUPS.values(), ids=GROUPS)
def test_error_in_a_group(machine: Machine, wrong: str) -> None:
    """An error in a group leaves its programs and its target as they are."""
    machine.update(A + B + C + GROUP)
    before = machine.of("a", "b", "g")
    plan = machine.update((A + B + C).replace("old", "new") + wrong)
    assert machine.held == ["a", "b"]
    assert machine.of("a", "b", "g") == before
    assert (names(plan.changed), plan.removed) == (["c"], ())
    assert names(changes.only(plan, ["g"], machine.layout).changed) == []


def test_target_of_a_wrong_group_without_programs(machine: Machine) -> None:
    """A group's target stays, even if none of its programs is installed any more."""
    machine.update(C + A + GROUP.replace(",b", ""))
    for file in ("a@.service", "a.target"):
        (machine.units / file).unlink()
    before = machine.of("g")
    machine.update(C + "[group:g]\nprograms=nosuch\n")
    assert machine.of("g") == before != {}


def test_program_that_a_wrong_group_names(machine: Machine) -> None:
    """A program that is gone from the file, but that a group still names, is not removed."""
    machine.update(A + B + C + GROUP)
    assert machine.update(A + C + GROUP).removed == ()
    assert machine.held == ["a", "b"]


def test_start_order_of_others_stays(machine: Machine) -> None:
    """Others still start after a broken program, and before it."""
    ordered = f"{A}priority=1\n{B}priority=2\n{C}priority=3\nafter=b\nwants=b\n"
    machine.update(ordered)
    before = machine.files
    assert "After=b.target\n" in before["c@.service"]
    assert machine.update(ordered.replace(f"{B}priority=2\n", f"{B}priority=2\n{BAD}")).empty
    assert machine.files == before


def test_program_that_needs_a_broken_one(machine: Machine) -> None:
    """What requires a broken program that is not installed, cannot start, so it stays, too."""
    machine.update(C)
    needy = f"{A}{BAD}{B}requires=a\n{C}requires=b\n{D}wants=a\nafter=a\n"
    plan = machine.update(needy)
    assert (machine.held, names(plan.added)) == (["a", "b", "c"], ["d"])
    machine.update(A + C)
    machine.update(f"{A}{BAD}{C}requires=a\n")  # it is installed: systemd can start it
    assert machine.held == ["a"]
    assert "Requires=a.target\n" in machine.files["c@.service"]


def test_removed_program_that_a_broken_one_needs(machine: Machine) -> None:
    """systemd would stop the broken program with the one that it requires, so both stay."""
    machine.update(f"{A}requires=b\n{B}{C}")
    plan = machine.update(A + BAD)
    assert (machine.held, names(plan.removed)) == (["a", "b"], ["c"])
    assert machine.of("b")


@pytest.mark.parametrize("prune", [False, True])
@pytest.mark.parametrize("damage", ["what\n" + B, "[program:b\n" + "what\n", None])
def test_file_with_an_error(machine: Machine, damage: str | None, prune: bool) -> None:
    """Programs of a damaged file stay; nothing is removed; programs of other files go on."""
    machine.update(A + C + "[group:h]\nprograms=c\n", B + D + GROUP)
    before = machine.of("a", "b", "c", "d", "g", "h")
    new = A.replace("old", "new") + "[program:n]\ncommand=a\n"
    plan = machine.plan(new, damage, prune=prune)
    assert {"b", "d"} <= set(machine.held)
    assert "a" in machine.held  # its group g is gone; that may be in the damaged file
    assert (names(plan.spared), plan.removed) == (["c"], ())
    assert (plan.deletes, names(plan.added)) == ((), ["n"])
    changes.write(plan)
    assert machine.of("a", "b", "c", "d", "g", "h") == before
    after = machine.update(new, B)
    assert names(after.removed) == ["c", "d"]


def test_program_whose_options_are_in_two_files(machine: Machine) -> None:
    """A damaged file that says something about a program of another file holds that program."""
    machine.update(A + B, "[program:a]\numask=027\n")
    before = machine.files
    machine.update(A + B, "what\n[program:a\numask=077\n")
    assert machine.held == ["a"]
    assert machine.files == before


def test_left_files_stay_where_a_file_is_damaged(machine: Machine) -> None:
    """A file whose template unit is gone is still not deleted on the word of half a text."""
    machine.update(f"{A}environment=A=1\n", B)
    (machine.units / "a@.service").unlink()
    before = machine.of("a")
    machine.update(None, B)
    assert machine.of("a") == before != {}


def test_old_files_of_a_good_program_go(machine: Machine) -> None:
    """If another file is damaged, a good program still loses the files that it needs no more."""
    machine.update(f"{A}environment=A=1\n", B)
    machine.update(A, f"{B}what\n")
    assert "a.env" not in machine.files


def test_name_that_is_taken(machine: Machine) -> None:
    """A finding of the check about one program, or one group, leaves the others alone."""
    finding = Diagnostic("name-taken", Place(str(machine.conf / "0"), 1), "program:a", "", "taken")
    plan = machine.plan(A + B, more=(finding,))
    assert (machine.held, names(plan.added)) == (["a"], ["b"])
    group = Diagnostic("name-taken", Place(str(machine.conf / "0"), 3), "group:g", "", "taken")
    plan = machine.plan(A + B + C + GROUP, more=(group,))
    assert (machine.held, names(plan.added)) == (["a", "b"], ["c"])
    assert "g.target" not in [write.path.name for write in plan.writes]


def test_all_programs_are_broken(machine: Machine) -> None:
    """A configuration whose programs are all broken does not lack programs."""
    machine.update(A + B)
    before = machine.files
    assert machine.update(A + BAD + B + BAD).empty
    assert (machine.held, machine.files) == (["a", "b"], before)
    (machine.conf / "0").write_text(A + BAD)
    assert load([machine.conf / "0"], {}).lacks == ""


def test_unfinished_update_of_a_held_program(machine: Machine) -> None:
    """What a killed update has left undone waits until the program is mended."""
    machine.update(A + B)
    left = Intent(changed=("a",), rescaled=("a",), new=("a@01.service",))
    pending.begin(machine.layout, left)
    plan = machine.plan(A + BAD + B.replace("old", "new"))
    assert (names(plan.changed), plan.rescaled) == (["b"], ())
    mine = Intent(changed=("b",))
    pending.begin(machine.layout, mine)
    changes.write(plan)
    pending.end(machine.layout, mine)
    assert pending.read(machine.layout) == left
    plan = machine.plan(A + B.replace("old", "new"))
    assert (names(plan.changed), names(plan.rescaled)) == (["a"], ["a"])


def test_unfinished_removal_of_a_held_program(machine: Machine) -> None:
    """A removal that was interrupted is neither finished nor forgotten while a file is damaged."""
    machine.update(A, B)
    pending.begin(machine.layout, Intent(removed=("b",)))
    assert names(machine.plan(A, "what\n").removed) == []
    assert pending.read(machine.layout) == Intent(removed=("b",))
    assert names(machine.plan(A, B).added) == ["b"]


def test_names_that_find_a_held_program(machine: Machine) -> None:
    """A held program is found by its name, and by the groups that it is in or would be in."""
    machine.update(A + B + GROUP)
    machine.plan(A + BAD + B + "[group:new]\nprograms=a\n")
    (left,) = machine.left
    found = [name for name in ("a", "b", "g", "new") if left.among({name})]
    assert found == ["a", "g", "new"]
