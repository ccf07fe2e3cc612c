/* SPDX-License-Identifier: Apache-2.0 */
#include "readme.h"

#include "clock.h"
#include "file.h"

static void add_title(const struct index *index, const struct strv *archives, struct str *ret)
{
	char expires[CLOCK_TEXT_SIZE];

	clock_format(index->expires, expires);
	str_addf(ret, "pgha bundle of cluster %s, sequence %llu, valid until %s\n", index->cluster,
		 (unsigned long long)index->sequence, expires);
	if (archives->count > 1)
		str_addf(ret,
			 "in %zu volumes; an installation needs all of them, in any order, in one "
			 "directory or in several\n",
			 archives->count);
	for (size_t i = 0; archives->count > 1 && i < archives->count; i++)
		str_addf(ret, "   %s\n", path_basename(archives->items[i]));
	if (index->base_sequence)
		str_addf(ret,
			 "a delta: a machine that has sequence %llu installed needs nothing more; "
			 "any other one needs that\nbundle too, named with --base\n",
			 (unsigned long long)index->base_sequence);
}

/* In volumes, one names the directory. */
static void add_installer(const struct index *index, const char *first, bool volumes,
			  struct str *ret)
{
	const char *bundle = volumes ? "." : first;

	str_addf(ret,
		 "\n"
		 "3. Then pgha-install itself checks every member:\n"
		 "\n"
		 "   ./pgha-install verify --bundle %s --ca ca.crt\n",
		 bundle);
	if (volumes)
		str_addf(ret,
			 "\n"
			 "   '.' is a directory with these volumes and no other bundle; on several "
			 "media: --bundle DIR --bundle DIR …\n"
			 "   One volume can be checked alone: --bundle %s\n",
			 first);
	str_addf(ret,
		 "\n"
		 "4. And on each machine, as root:\n"
		 "\n"
		 "   ./pgha-install --node NAME --bundle %s --ca ca.crt\n",
		 bundle);
	if (index->base_sequence)
		str_addf(ret,
			 "\n"
			 "   Where sequence %llu is not installed: with --base FILE or --base DIR, "
			 "that bundle.\n",
			 (unsigned long long)index->base_sequence);
}

int readme_format(const struct index *index, const struct strv *archives, struct str *ret,
		  struct err *err)
{
	const char *first = path_basename(archives->items[0]);

	add_title(index, archives, ret);
	str_addf(
		ret,
		"\n"
		"Before anything of this directory is run, check it with tools that the machine "
		"has "
		"already. ca.crt is\n"
		"the cluster's CA certificate: it must reach you by another way than this medium.\n"
		"\n"
		"1. The signature over the index%s:\n"
		"\n"
		"   tar -xf %s index.yaml index.yaml.p7s\n"
		"   openssl cms -verify -binary -inform DER -in index.yaml.p7s -content index.yaml "
		"-CAfile ca.crt -out /dev/null\n"
		"\n"
		"2. The installer. These two lines must show the same digest:\n"
		"\n"
		"   sha256sum pgha-install\n"
		"   grep '^installer:' index.yaml\n",
		archives->count > 1 ? ", which is the same one in each volume" : "", first);
	add_installer(index, first, archives->count > 1, ret);
	return str_check(ret, err);
}
