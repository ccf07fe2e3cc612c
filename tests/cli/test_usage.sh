#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What both programs say to a wrong command line.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for program in "$bundle" "$install"; do
	name=${program##*/}
	expect "$name --version" 0 "$name " "$program" --version
	expect "$name --help lists commands and exit codes" 0 'Exit status: 0 done' "$program" --help
	expect "$name refuses an unknown command" 2 "unknown command 'frobnicate'" "$program" frobnicate
	one_line "$name says so in one line"
done
expect "a slip in a command gets a suggestion" 2 "did you mean 'show'?" "$bundle" shwo
expect "the first word of a command gets its second" 2 "did you mean 'keys init'?" "$bundle" keys
expect "a slip in an option gets a suggestion" 2 "did you mean '--keys'?" "$bundle" build --kesy x
for word in install instal isntall; do
	expect "$word does not lead to uninstall" 2 "unknown command '$word': 'pgha-install' without a command word does that" "$install" $word --node one
	one_line "in one line"
done
expect "a slip in uninstall does" 2 "did you mean 'uninstall'?" "$install" uninstal --node one
expect "a missing required option is named" 2 "option '--file BUNDLE.yaml' is missing: see 'pgha-bundle build --help'" "$bundle" build
expect "a missing argument is named" 2 'an argument is missing: BUNDLE.tar' "$bundle" show
expect "one argument too many is named" 2 "'b' is one argument too many" "$bundle" show a b
expect "an option without its value is named" 2 "option '--ca' needs a value (FILE)" "$bundle" show --ca
expect "an option given twice is refused" 2 "option '--ca' is given twice" "$bundle" show --ca a --ca b c
expect "a file that is not there is a usage error" 2 "cannot open the bundle '/nonexistent.tar'" "$bundle" show /nonexistent.tar
one_line "and is told in one line"
# A passphrase that cannot be had is told before anything else is looked at: none of the other files is there.
: >"$work/empty"
chmod 600 "$work/empty"
for command in "$install --node n --bundle no.tar" "$install plan --node n --bundle no.tar" "$bundle build -f no.yaml --keys no --passphrases no -o no" \
	"$bundle keys issue --keys no --client c" "$bundle keys renew --keys no" "$bundle keys revoke --keys no x" "$bundle keys init --out $work/empty"; do
	option=--passphrase
	[[ $command != *' build '* ]] || option=--ca-passphrase
	name=${command##*/}
	name=${name%% -*}
	while IFS='|' read -r given want text; do
		# shellcheck disable=SC2086
		expect "$name $option$given" "$want" "$text" $command $option$given
		one_line "in one line"
	done <<-END
		-fd x|2|the passphrase's descriptor is a number from 0 to 1023, not 'x'
		-fd 77|2|the passphrase's descriptor 77 is not open
		-file $work/none|2|cannot open the passphrase file '$work/none': No such file
		-file $work|2|the passphrase file '$work' is a directory
		-file $work/empty|3|'$work/empty' holds no passphrase
	END
done
for command in 'keys init' resolve urls fetch build show; do
	# shellcheck disable=SC2086
	expect "$command --help" 0 'Usage: pgha-bundle ' "$bundle" $command --help
done
expect "help COMMAND is COMMAND --help" 0 'Usage: pgha-bundle keys issue --keys DIR' "$bundle" help keys issue
for arguments in 'keys --help' 'keys -h' 'help keys'; do
	# shellcheck disable=SC2086
	expect "$arguments lists the commands of keys" 0 'pgha-bundle keys revoke --keys DIR' "$bundle" $arguments
	if [[ $out != *'pgha-bundle secrets'* ]]; then ok "and no others"; else not_ok "and no others" "$out"; fi
done
expect "help for what is no command" 2 "unknown command 'nothing'" "$bundle" help nothing
expect "options stand in columns, whatever their letters" 0 '      --permit NAME,…              further names' "$bundle" keys init --help
finish
