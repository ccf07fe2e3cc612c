#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rebuild Debian packages as real RPMs, under the names that RHEL and PGDG use.

    rpms.py base     --root ROOT --out DIR
    rpms.py services --root ROOT --out DIR      (APT_CONFIG names the configuration of apt to use)

`base` packs what is installed in ROOT, from the files as they stand there. `services` packs what recipes.py lists
and all that it needs and ROOT does not have, from Debian's archive. No time in a package lies after the one in
SOURCE_DATE_EPOCH. DIR then holds unsigned RPMs, and `packages.tsv`: file name, repository.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import glob
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile

import debs as debian
import recipes
from debs import die

MACROS = {
    # Stock rules look for sonames in executables alone; Debian's shared objects are 0644.
    "__elf_flags": "%{nil}",
    "_fileattrsdir": "WORK/attributes",
    "__os_install_post": "%{nil}",
    "__check_files": "%{nil}",
    "_build_id_links": "none",
    "debug_package": "%{nil}",
    "_binary_payload": "w3.zstdio",
    "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    "_buildhost": "lab",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "_topdir": "MINE",
    "_tmppath": "MINE",
    "_rpmdir": "MINE/out",
    "_dbpath": "MINE/rpmdb",
}


@dataclasses.dataclass
class Package:
    """An RPM to build."""
    name: str
    debs: list
    tree: pathlib.Path      # its files
    recipe: recipes.Recipe
    skip: set               # directories, as "/path", that other packages own


class Universe:
    """All packages that may be named in a dependency, by Debian's names."""

    def __init__(self, debs):
        self.debs = {deb.name: deb for deb in debs}
        self.virtual = {relation[0] for deb in debs for relation in deb.provides()}


def run(*argv, **options):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        die(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def group_packages(debs, trees):
    """Debian packages to RPMs: those of a recipe together, each other one for itself."""
    by_name = {deb.name: deb for deb in debs}
    groups = {name: (recipe, [by_name[d] for d in recipe.debs]) for name, recipe in recipes.RECIPES.items()
              if recipe.debs[0] in by_name}
    for name, (_, members) in groups.items():
        for deb in members:
            deb.rpm = deb.rpm or name
    for deb in debs:
        if not deb.rpm:
            deb.rpm = recipes.NAMES.get(deb.name, deb.name)
            groups[deb.rpm] = (recipes.Recipe([deb.name]), [deb])
    return [Package(name, members, trees / name, recipe, set()) for name, (recipe, members) in sorted(groups.items())]


# --- spec files ---------------------------------------------------------------------------------------------------


def licence(package):
    """What the package's own copyright file says of its main part."""
    if package.recipe.license:
        return package.recipe.license
    try:
        text = (package.tree / f"usr/share/doc/{package.debs[0].name}/copyright").read_text(errors="replace")
    except OSError:
        return "LicenseRef-Debian"
    match = re.search(r"^Files: *\n? *\*\s*\n(?:.+\n)*?License: *(\S[^\n]*)", text, re.M)
    return match.group(1).strip() if match else "LicenseRef-Debian"


def requires(package, universe):
    """Debian's dependencies as RPM's: of alternatives, the first that there is."""
    lines = set()
    for alternatives in [a for deb in package.debs if package.recipe.depends for a in deb.depends()]:
        if any(name in recipes.SKIP for name, _, _ in alternatives):
            continue
        real = [relation for relation in alternatives if relation[0] in universe.debs]
        if real:
            name, operator, version = real[0]
            rpm = universe.debs[name].rpm
            if rpm != package.name:
                lines.add(debian.relation_text(rpm, operator, version))
        else:
            virtual = [relation[0] for relation in alternatives if relation[0] in universe.virtual]
            if not virtual:
                die(f"{package.name}: nobody provides {alternatives}")
            lines.add(virtual[0])
    return sorted(lines)


def file_lines(package, owner_of):
    """%files: a line for each path, with its mode and owner."""
    for directory, names, files in os.walk(package.tree):
        names.sort()
        for name in sorted(names + files):
            path = pathlib.Path(directory, name)
            shown = "/" + str(path.relative_to(package.tree))
            status = path.lstat()
            mode, owner, group = package.recipe.attributes.get(
                shown, (f"{stat.S_IMODE(status.st_mode):04o}", *owner_of(status)))
            quoted = '"' + shown.replace("%", "%%") + '"'
            if stat.S_ISLNK(status.st_mode):
                yield f"%attr(-,{owner},{group}) {quoted}"
            elif not stat.S_ISDIR(status.st_mode):
                yield f"%attr({mode},{owner},{group}) {'%config(noreplace) ' * shown.startswith('/etc/')}{quoted}"
            elif shown not in package.skip:
                yield f"%attr({mode},{owner},{group}) %dir {quoted}"


def spec_text(package, universe, owner_of):
    first, recipe = package.debs[0], package.recipe
    epoch, version, release = debian.evr(first.version)
    release = release or "1.el8"
    own = {"version": version, "evr": (f"{epoch}:" if epoch else "") + f"{version}-{release}"}
    provided = {debian.relation_text(*relation) for deb in package.debs for relation in deb.provides()
                if relation[0] != package.name}
    summary = first.fields.get("Description", package.name).split("\n")[0]
    head = [("Name", package.name), ("Version", version), ("Release", release)]
    head += [("Epoch", epoch)] if epoch else []
    head += [("Summary", summary), ("License", licence(package)), ("Vendor", recipes.VENDORS[recipe.repository]),
             ("URL", first.fields.get("Homepage", "https://packages.debian.org/" + first.name))]
    head += [("BuildArch", "noarch")] if all(d.fields["Architecture"] == "all" for d in package.debs) else []
    head += [("Requires", line) for line in requires(package, universe)]
    head += [("Requires", line.format(**own)) for line in recipe.requires]
    head += [("Requires(pre)", "shadow-utils")] if recipe.users else []
    head += [("Provides", line) for line in sorted(provided)]
    head += [("Provides", line.format(**own)) for line in recipe.provides]
    lines = [f"{key}: {value.replace('%', '%%')}" for key, value in head]
    lines += ["%description", summary.replace("%", "%%")]
    lines += ["%install", f'rmdir "%{{buildroot}}"', f'mv "{package.tree}" "%{{buildroot}}"']
    if recipe.users:
        lines += ["%pre", *[line for user in recipe.users for line in user.script()]]
    for section, body in recipe.sections.items():
        lines += [section, body]
    lines += ["%files", *file_lines(package, owner_of)]
    return "\n".join(lines) + "\n"


def build_one(package, work, out, universe, owner_of):
    """Builds an RPM and gives its file name."""
    with tempfile.TemporaryDirectory(prefix="rpm.", dir=work) as mine:
        spec = pathlib.Path(mine, "package.spec")
        spec.write_text(spec_text(package, universe, owner_of))
        argv = ["rpmbuild", "-bb", "--quiet", "--target", "x86_64"]
        for name, value in MACROS.items():
            argv += ["--define", f"{name} {value.replace('WORK', str(work)).replace('MINE', mine)}"]
        run(*argv, str(spec))
        (built,) = pathlib.Path(mine, "out").iterdir()
        shutil.move(built, out / built.name)
        return built.name


def build_all(packages, args, universe, owner_of=lambda status: ("root", "root")):
    (args.work / "attributes").mkdir()
    (args.work / "attributes/elf.attr").touch()     # the rules themselves are rpm's; no other kind of file has any
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        files = list(pool.map(lambda p: build_one(p, args.work, args.out, universe, owner_of), packages))
    rows = sorted(f"{file}\t{package.recipe.repository}\n" for file, package in zip(files, packages))
    (args.out / "packages.tsv").write_text("".join(rows))


# --- an installed root --------------------------------------------------------------------------------------------


def installed_debs(root):
    paragraphs = (root / "var/lib/dpkg/status").read_text().strip().split("\n\n")
    found = [debian.Deb(debian.parse_paragraph(p)) for p in paragraphs]
    return [deb for deb in found if deb.fields["Status"] == "install ok installed"]


def installed_paths(root, deb):
    """The paths of a package that are there, relative to the root, and through no link: usr/lib for lib."""
    info = root / "var/lib/dpkg/info"
    (listing,) = [p for p in (info / f"{deb.name}.list", info / f"{deb.name}:{deb.fields['Architecture']}.list")
                  if p.exists()]
    for line in listing.read_text().splitlines():
        parts = pathlib.PurePosixPath(line).parts[1:]
        if len(parts) > 1 and (root / parts[0]).is_symlink():
            parts = ("usr", *parts)
        if parts and os.path.lexists(root.joinpath(*parts)):
            yield "/".join(parts)


def copy_path(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        target.mkdir(exist_ok=True)
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
    status = source.lstat()
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    if not target.is_symlink():
        os.chmod(target, stat.S_IMODE(status.st_mode))


def owners_of_root(root):
    tables = []
    for table in ("passwd", "group"):
        rows = [line.split(":") for line in (root / "etc" / table).read_text().splitlines()]
        tables.append({int(row[2]): row[0] for row in rows})
    return lambda status: (tables[0][status.st_uid], tables[1][status.st_gid])


def command_base(args):
    debs = installed_debs(args.root)
    packages = group_packages(debs, args.work / "trees")
    directories, shared = set(), set()
    for package in packages:
        paths = {path for deb in package.debs for path in installed_paths(args.root, deb)}
        paths |= {path for pattern in package.recipe.generated for path in glob.glob(pattern, root_dir=args.root)}
        own = {p for p in paths if (args.root / p).is_dir() and not (args.root / p).is_symlink()}
        shared |= own & directories
        directories |= own
        for path in sorted(paths):
            copy_path(args.root / path, package.tree / path)
    # What many packages list belongs to the one that all of them need.
    for package in packages:
        if package.name != "filesystem":
            package.skip = {"/" + path for path in shared}
            continue
        for path in sorted(shared):
            copy_path(args.root / path, package.tree / path)
    build_all(packages, args, Universe(debs), owners_of_root(args.root))


# --- Debian's archive ---------------------------------------------------------------------------------------------


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, p) or path.startswith(p + "/") for p in patterns)


def apply_recipe(package):
    tree, recipe = package.tree, package.recipe
    for source, target in recipe.moves:
        if (tree / source).exists():
            (tree / target).parent.mkdir(parents=True, exist_ok=True)
            (tree / source).rename(tree / target)
    for path in sorted(tree.rglob("*"), reverse=True):
        name = str(path.relative_to(tree))
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif matches(name, recipes.REMOVE + recipe.remove) or not matches(name, recipe.keep):
            path.unlink()
    for name, edits in recipe.edits.items():
        text = (tree / name).read_text()
        for old, new in edits:
            if old not in text:
                die(f"{package.name}: {name} has no '{old.strip()}'")
            text = text.replace(old, new)
        (tree / name).write_text(text)
    for name, text in recipe.files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    for name, target in recipe.links.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(target)
    for name in recipe.attributes:
        if not (tree / name[1:]).exists():
            (tree / name[1:]).mkdir(parents=True)


def command_services(args):
    installed = installed_debs(args.root)
    archive = debian.Archive(run("apt-cache", "dumpavail"))
    have = {deb.name for deb in installed}
    wanted = [deb for recipe in recipes.RECIPES.values() for deb in recipe.debs if deb not in have]
    alone = set(wanted) - {deb for recipe in recipes.RECIPES.values() if recipe.depends for deb in recipe.debs}
    debs = debian.closure(wanted, archive, installed, recipes.SKIP, alone)
    downloads = args.work / "debs"
    downloads.mkdir()
    run("apt-get", "-q", "download", *[f"{deb.name}={deb.version}" for deb in debs], cwd=downloads)
    packages = group_packages(debs, args.work / "trees")
    owned = {"/" + path for deb in installed for path in installed_paths(args.root, deb)}
    for package in packages:
        package.tree.mkdir(parents=True)
        package.skip = owned
        for deb in package.debs:
            (file,) = downloads.glob(f"{deb.name}_*.deb")
            run("dpkg-deb", "-x", file, package.tree)
        apply_recipe(package)
    group_packages(installed, args.work)        # their names
    build_all(packages, args, Universe([deb for deb in installed if deb.name not in {d.name for d in debs}] + debs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["base", "services"])
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    os.environ["LC_ALL"] = "C.UTF-8"
    with tempfile.TemporaryDirectory(prefix=".work.", dir=args.out) as work:
        args.work = pathlib.Path(work)
        {"base": command_base, "services": command_services}[args.command](args)


if __name__ == "__main__":
    main()
