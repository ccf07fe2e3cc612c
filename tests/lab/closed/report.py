# SPDX-License-Identifier: Apache-2.0
"""What was tried and what was seen: a line for each check, and a table of port by property to keep."""
import json
import os


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lines, self.table = [], {}

    def say(self, name, good, seen=()):
        """One check. SEEN (text or a list) is shown when it fails."""
        seen = [str(seen)] if isinstance(seen, (str, bytes)) else [str(item) for item in seen]
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        self.lines.append({"check": name, "holds": bool(good), "seen": [item[:400] for item in seen[:20]]})
        print(("ok    " if good else "FAIL  ") + name, flush=True)
        if not good:
            for item in seen[:20]:
                print(f"      {item[:400]}")

    def skip(self, name):
        self.skipped += 1
        self.lines.append({"check": name, "holds": None, "seen": []})
        print(f"skip  {name}", flush=True)

    def cell(self, listener, column, good, seen):
        """One property of one port, also a check."""
        self.table.setdefault(listener.name, {})[column] = seen if good else f"**{seen}**"
        self.say(f"{listener.name}: {column}: {seen}", good)

    def note(self, listener, column, seen):
        """A fact for the table, which can be neither right nor wrong."""
        self.table.setdefault(listener.name, {})[column] = seen

    def write(self, path, title):
        """path.md for people, path.json for machines."""
        columns = list(dict.fromkeys(column for row in self.table.values() for column in row))
        rows = [["port", *columns]] + [[name] + [row.get(column, "") for column in columns] for name, row in self.table.items()]
        rows.insert(1, ["---"] * len(rows[0]))
        with open(path + ".md", "w", encoding="utf-8") as file:
            file.write(f"# {title}\n\n")
            file.writelines("| " + " | ".join(row) + " |\n" for row in rows)
            file.write(f"\n{self.sum()}\n\n")
            mark = {True: "ok", False: "**FAIL**", None: "skipped"}
            file.writelines(f"- {mark[line['holds']]}: {line['check']}\n" for line in self.lines)
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump({"title": title, "ports": self.table, "checks": self.lines}, file, indent=1)
            file.write("\n")
        os.chmod(path + ".md", 0o644)

    def sum(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
