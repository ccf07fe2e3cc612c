/* SPDX-License-Identifier: Apache-2.0 */
#include "readme.h"

#include "clock.h"

int readme_format(const struct index *index, const char *tarball, struct str *ret, struct err *err)
{
	char expires[CLOCK_TEXT_SIZE];

	clock_format(index->expires, expires);
	str_addf(
		ret,
		"pgha bundle of cluster %s, sequence %llu, valid until %s\n"
		"\n"
		"Before anything of this directory is run, check it with tools that the machine "
		"has "
		"already. ca.crt is\n"
		"the cluster's CA certificate: it must reach you by another way than this medium.\n"
		"\n"
		"1. The signature over the index:\n"
		"\n"
		"   tar -xf %s index.yaml index.yaml.p7s\n"
		"   openssl cms -verify -binary -inform DER -in index.yaml.p7s -content index.yaml "
		"-CAfile ca.crt -out /dev/null\n"
		"\n"
		"2. The installer. These two lines must show the same digest:\n"
		"\n"
		"   sha256sum pgha-install\n"
		"   grep '^installer:' index.yaml\n"
		"\n"
		"3. Then pgha-install itself checks every member of the tarball:\n"
		"\n"
		"   ./pgha-install verify --bundle %s --ca ca.crt\n"
		"\n"
		"4. And on each machine, as root:\n"
		"\n"
		"   ./pgha-install --node NAME --bundle %s --ca ca.crt\n",
		index->cluster, (unsigned long long)index->sequence, expires, tarball, tarball,
		tarball);
	return str_check(ret, err);
}
