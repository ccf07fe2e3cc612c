/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_needs.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"

#define VERSIONS_MAX 4096 /* libraries with versions */

/* Bytes from outside: every read says how far it goes. */
struct image {
	const char *name;
	const unsigned char *data;
	size_t size;
	Elf64_Ehdr header;
	uint64_t strings, strings_size; /* in the file */
};

static int damaged(const struct image *e, const char *what, struct err *err)
{
	return err_set(err, ERR_CONFIG, "'%.200s' is no intact 64-bit program: %s", e->name, what);
}

static bool take(const struct image *e, uint64_t offset, void *to, size_t len)
{
	if (offset > e->size || len > e->size - offset)
		return false;
	memcpy(to, e->data + offset, len);
	return true;
}

/* The N-th program header of TYPE; false when there is none. */
static bool find_segment(const struct image *e, uint32_t type, unsigned int n, Elf64_Phdr *ret)
{
	for (unsigned int i = 0; i < e->header.e_phnum; i++)
		if (take(e, e->header.e_phoff + (uint64_t)i * sizeof(*ret), ret, sizeof(*ret)) &&
		    ret->p_type == type && n-- == 0)
			return true;
	return false;
}

/* Where in the file ADDRESS comes from. */
static bool locate(const struct image *e, uint64_t address, uint64_t *ret_offset)
{
	Elf64_Phdr p;

	for (unsigned int i = 0; find_segment(e, PT_LOAD, i, &p); i++) {
		if (address < p.p_vaddr || address - p.p_vaddr >= p.p_filesz)
			continue;
		*ret_offset = p.p_offset + (address - p.p_vaddr);
		return true;
	}
	return false;
}

static const char *text_at(const struct image *e, uint64_t index)
{
	const char *text = NULL;

	if (index >= e->strings_size)
		return NULL;
	text = (const char *)e->data + e->strings + index;
	return memchr(text, '\0', e->strings_size - index) ? text : NULL;
}

static int add_text(const struct image *e, uint64_t index, struct strv *to, struct err *err)
{
	const char *text = text_at(e, index);

	if (!text || !*text)
		return damaged(e, "a name lies outside", err);
	return strv_has(to, text) ? 0 : strv_add(to, text, err);
}

/* The I-th entry of the dynamic section. */
static bool entry_at(const struct image *e, const Elf64_Phdr *dynamic, uint64_t i, Elf64_Dyn *ret)
{
	return i < dynamic->p_filesz / sizeof(*ret) &&
	       take(e, dynamic->p_offset + i * sizeof(*ret), ret, sizeof(*ret)) &&
	       ret->d_tag != DT_NULL;
}

static bool entry_value(const struct image *e, const Elf64_Phdr *dynamic, int64_t tag,
			uint64_t *ret)
{
	Elf64_Dyn entry;

	for (uint64_t i = 0; entry_at(e, dynamic, i, &entry); i++) {
		if (entry.d_tag != tag)
			continue;
		*ret = entry.d_un.d_val;
		return true;
	}
	return false;
}

static int read_versions(const struct image *e, const Elf64_Phdr *dynamic, struct strv *versions,
			 struct err *err)
{
	uint64_t at = 0, count = 0;
	int r = 0;

	if (!entry_value(e, dynamic, DT_VERNEED, &at) ||
	    !entry_value(e, dynamic, DT_VERNEEDNUM, &count))
		return 0;
	if (count > VERSIONS_MAX || !locate(e, at, &at))
		return damaged(e, "its versions lie outside", err);
	for (Elf64_Verneed need; count && !r; count--, at += need.vn_next) {
		uint64_t aux_at = 0;

		if (!take(e, at, &need, sizeof(need)))
			return damaged(e, "its versions lie outside", err);
		aux_at = at + need.vn_aux;
		for (unsigned int i = 0; i < need.vn_cnt && !r; i++) {
			Elf64_Vernaux aux;

			if (!take(e, aux_at, &aux, sizeof(aux)))
				return damaged(e, "its versions lie outside", err);
			r = add_text(e, aux.vna_name, versions, err);
			aux_at += aux.vna_next;
			if (!aux.vna_next)
				break;
		}
		if (!need.vn_next)
			break;
	}
	return r;
}

static int read_dynamic(struct image *e, const Elf64_Phdr *dynamic, struct elf_needs *ret,
			struct err *err)
{
	Elf64_Dyn entry;
	uint64_t at = 0;
	int r = 0;

	if (!entry_value(e, dynamic, DT_STRTAB, &at) ||
	    !entry_value(e, dynamic, DT_STRSZ, &e->strings_size) || !locate(e, at, &e->strings) ||
	    e->strings > e->size || e->strings_size > e->size - e->strings)
		return damaged(e, "its names lie outside", err);
	for (uint64_t i = 0; !r && entry_at(e, dynamic, i, &entry); i++) {
		if (entry.d_tag == DT_NEEDED)
			r = add_text(e, entry.d_un.d_val, &ret->libraries, err);
		else if (entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH)
			r = add_text(e, entry.d_un.d_val, &ret->places, err);
	}
	return r ? r : read_versions(e, dynamic, &ret->versions, err);
}

int elf_read(const char *name, const void *data, size_t size, struct elf_needs *ret,
	     struct err *err)
{
	struct image e = { .name = name, .data = data, .size = size };
	Elf64_Phdr dynamic;

	if (!take(&e, 0, &e.header, sizeof(e.header)) ||
	    memcmp(e.header.e_ident, ELFMAG, SELFMAG) != 0)
		return damaged(&e, "no ELF file", err);
	if (e.header.e_ident[EI_CLASS] != ELFCLASS64 || e.header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    e.header.e_phentsize != sizeof(dynamic) ||
	    (e.header.e_type != ET_EXEC && e.header.e_type != ET_DYN))
		return damaged(&e, "another kind of ELF file", err);
	ret->machine = e.header.e_machine;
	if (!find_segment(&e, PT_DYNAMIC, 0, &dynamic))
		return 0;
	return read_dynamic(&e, &dynamic, ret, err);
}

void elf_needs_release(struct elf_needs *needs)
{
	strv_release(&needs->libraries);
	strv_release(&needs->versions);
	strv_release(&needs->places);
	*needs = (struct elf_needs)ELF_NEEDS_INIT;
}
