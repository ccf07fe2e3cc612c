/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "file.h"
#include "topology.h"

static char dir[] = "/tmp/pgha-topology-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return tree_remove(dir, &err);
}

static int load(const char *text, const struct strv *known, struct topology **ret, struct err *err)
{
	cleanup_free char *path = NULL;

	assert_int_equal(0, path_join(dir, "t.yaml", &path, err));
	assert_int_equal(0, file_write_atomic(path, 0600, text, strlen(text), err));
	return topology_load(path, known, ret, err);
}

static void a_topology_is_read_whole(void **state)
{
	CLEANUP(topology_freep) struct topology *t = NULL;
	const struct topology_node *node = NULL;
	const struct topology_var *vars = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		0, load("domain: pgha.internal\nvip: 10.77.0.100\nnodes:\n"
			"  - {name: a1, address: 10.0.0.1, datacenter: dc1, services: [x, y]}\n"
			"  - {name: b-2, address: 'fd00::2', datacenter: remote, priority: 7,\n"
			"     services: [], vars: {nosync: true, a: ''}}\n",
			NULL, &t, &err));
	assert_string_equal("pgha.internal", t->domain);
	assert_string_equal("10.77.0.100", t->vip);
	assert_int_equal(2, t->count);
	assert_string_equal("y", t->nodes[0].services.items[1]);
	assert_int_equal(0, t->nodes[0].priority);
	node = topology_find(t, "b-2");
	assert_ptr_equal(&t->nodes[1], node);
	assert_string_equal("fd00::2", node->address);
	assert_string_equal("remote", node->datacenter);
	assert_int_equal(7, node->priority);
	assert_int_equal(2, node->vars.count);
	vars = node->vars.items;
	assert_string_equal("a", vars[0].name);
	assert_string_equal("nosync", vars[1].name);
	assert_string_equal("true", vars[1].value);
	assert_null(topology_find(t, "c"));
	assert_int_equal(-ERR_USAGE, topology_need(t, "c", &node, &err));
	assert_string_equal("no node is named 'c' (there are: a1, b-2)", err.msg);
}

static void domain_and_vip_may_be_absent(void **state)
{
	CLEANUP(topology_freep) struct topology *t = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0,
			 load("nodes: [{name: a, address: 10.0.0.1, datacenter: d, services: []}]",
			      NULL, &t, &err));
	assert_string_equal("", t->domain);
	assert_string_equal("", t->vip);
}

static void mistakes_are_told_with_their_position(void **state)
{
#define NODE(name, address, rest) \
	"  - {name: " name ", address: " address ", datacenter: d, services: [" rest "}\n"
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "nodes: []", "1:8: 'nodes' may not be empty" },
		{ "node: []", "1:1: unknown key 'node' (did you mean 'nodes'?)" },
		{ "domain: a", "1:1: key 'nodes' is missing" },
		{ "nodes:\n" NODE("A", "10.0.0.1", "]"),
		  "2:12: the name of a node may hold a-z, 0-9 and inner '-' only, at most 63 of "
		  "them" },
		{ "nodes:\n" NODE("-a", "10.0.0.1", "]"),
		  "2:12: the name of a node may hold a-z, 0-9 and inner '-' only, at most 63 of "
		  "them" },
		{ "nodes:\n" NODE("a", "10.0.0.256", "]"),
		  "2:24: '10.0.0.256' is no IPv4 or IPv6 address" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "]") NODE("a", "10.0.0.2", "]"),
		  "3:12: node 'a' stands twice (also in item 1)" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "]") NODE("b", "10.0.0.1", "]"),
		  "3:24: '10.0.0.1' is the address of node 'a' already" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "alpha, alpha]"),
		  "2:67: service 'alpha' stands twice" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "alphaa]"),
		  "2:60: unknown service 'alphaa' (did you mean 'alpha'?)" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "zzzzzz]"),
		  "2:60: unknown service 'zzzzzz': the bundle's definition does not list it" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "], priority: -1"),
		  "2:73: 'priority': '-1' is not a number from 0 to 1000" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "], vars: {a.b: 1}"),
		  "2:70: the name of a variable may hold letters, digits, '_' and '-' only" },
		{ "nodes:\n" NODE("a", "10.0.0.1", "], vars: {a: [1]}"),
		  "2:73: 'a' must be a value" },
		{ "vip: x\nnodes:\n" NODE("a", "10.0.0.1", "]"),
		  "1:6: 'x' is no IPv4 or IPv6 address" },
		{ "domain: a b\nnodes:\n" NODE("a", "10.0.0.1", "]"),
		  "1:9: 'a b' is no domain name" },
	};
	CLEANUP(strv_release) struct strv known = STRV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, strv_add(&known, "alpha", &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(topology_freep) struct topology *t = NULL;
		cleanup_free char *expected = NULL;

		assert_int_equal(-ERR_CONFIG, load(cases[i].text, &known, &t, &err));
		assert_int_equal(
			0, str_printf(&expected, &err, "%s/t.yaml:%s", dir, cases[i].message));
		assert_string_equal(expected, err.msg);
		assert_null(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topology_is_read_whole),
		cmocka_unit_test(domain_and_vip_may_be_absent),
		cmocka_unit_test(mistakes_are_told_with_their_position),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
