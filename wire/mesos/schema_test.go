package mesos_test

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/caprock/caprock/wire/mesos"
	"github.com/caprock/caprock/wire/mesos/agent"
	"github.com/caprock/caprock/wire/mesos/allocator"
	"github.com/caprock/caprock/wire/mesos/executor"
	"github.com/caprock/caprock/wire/mesos/maintenance"
	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/quota"
	"github.com/caprock/caprock/wire/mesos/resource_provider"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

//go:embed testdata/schema.tsv
var schema []byte

var files = []protoreflect.FileDescriptor{
	mesos.File_wire_mesos_mesos_proto,
	agent.File_wire_mesos_agent_agent_proto,
	allocator.File_wire_mesos_allocator_allocator_proto,
	executor.File_wire_mesos_executor_executor_proto,
	maintenance.File_wire_mesos_maintenance_maintenance_proto,
	master.File_wire_mesos_master_master_proto,
	quota.File_wire_mesos_quota_quota_proto,
	resource_provider.File_wire_mesos_resource_provider_resource_provider_proto,
	scheduler.File_wire_mesos_scheduler_scheduler_proto,
}

// row is what the table says of one field, enum value or memberless message.
type row struct {
	number, label, kind, def, oneof string
	deprecated                      bool
}

// beyondTable is what the table does not have: a field that v1 does not have and Mesos
// sends, and what Caprock adds.
func beyondTable(name string, r row) bool {
	if name == "mesos.v1.AgentInfo checkpoint" {
		return true
	}
	for _, own := range []string{"mesos.v1.master.Call.Explain", "mesos.v1.master.Response.Explain"} {
		if strings.HasPrefix(name, own+" ") || strings.HasPrefix(name, own+".") {
			return true
		}
	}
	n, err := strconv.Atoi(r.number)
	return err == nil && n >= firstOfOurs
}

// firstOfOurs is the least number of what Caprock adds to Mesos' enums and messages;
// it is far from any that Mesos will come to.
const firstOfOurs = 10000

// TestSchemaEqualsMesos holds the descriptors against the table in both directions:
// each row has its field or enum value with the same number, label, type, default,
// deprecation and oneof, and there is nothing else but what Caprock adds.
func TestSchemaEqualsMesos(t *testing.T) {
	want := readSchema(t)
	got := map[string]row{}
	for _, f := range files {
		collectEnums(got, f.Enums())
		collectMessages(got, f.Messages())
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		w := want[name]
		g, ok := got[name]
		if !ok {
			t.Errorf("%s: missing", name)
			continue
		}
		w.kind = canonicalKind(w.kind, g.kind)
		if g != w {
			t.Errorf("%s:\n got %+v\nwant %+v", name, g, w)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok && !beyondTable(name, got[name]) {
			t.Errorf("%s: not in Mesos", name)
		}
	}
	if len(want) < 1650 {
		t.Errorf("the table has %d rows only", len(want))
	}
}

func readSchema(t *testing.T) map[string]row {
	rows := map[string]row{}
	lines := bytes.Split(bytes.TrimRight(schema, "\n"), []byte("\n"))
	for _, line := range lines[1:] {
		c := strings.Split(string(line), "\t")
		if len(c) != 11 {
			t.Fatalf("row of %d columns: %q", len(c), line)
		}
		name := c[0] + "." + c[2]
		if c[1] != "message" {
			name += " " + c[3]
		}
		if _, twice := rows[name]; twice {
			t.Fatalf("%s occurs twice", name)
		}
		r := row{number: c[4], label: c[5], kind: c[6], def: c[7], deprecated: c[8] != "", oneof: c[9]}
		rows[name] = r
	}
	return rows
}

// canonicalKind returns got if the table's type name, which is written relative to the
// message it stands in, can mean it.
func canonicalKind(table, got string) string {
	if table == "" || got == table {
		return table
	}
	t, g := strings.TrimSuffix(strings.TrimPrefix(table, "map<string,"), ">"), strings.TrimSuffix(strings.TrimPrefix(got, "map<string,"), ">")
	if strings.HasPrefix(table, "map<") == strings.HasPrefix(got, "map<") && strings.HasSuffix("."+g, "."+t) {
		return got
	}
	return table
}

func collectEnums(rows map[string]row, enums protoreflect.EnumDescriptors) {
	for i := range enums.Len() {
		e := enums.Get(i)
		for j := range e.Values().Len() {
			v := e.Values().Get(j)
			options, _ := v.Options().(*descriptorpb.EnumValueOptions)
			rows[fmt.Sprintf("%s %s", e.FullName(), v.Name())] = row{
				number: strconv.Itoa(int(v.Number())), deprecated: options.GetDeprecated(),
			}
		}
	}
}

func collectMessages(rows map[string]row, messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		m := messages.Get(i)
		if m.IsMapEntry() {
			continue
		}
		collectEnums(rows, m.Enums())
		collectMessages(rows, m.Messages())
		if m.Fields().Len()+m.Messages().Len() == 0 {
			rows[string(m.FullName())] = row{kind: "(empty)"}
		}
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			rows[fmt.Sprintf("%s %s", m.FullName(), f.Name())] = fieldRow(f)
		}
	}
}

func fieldRow(f protoreflect.FieldDescriptor) row {
	options, _ := f.Options().(*descriptorpb.FieldOptions)
	r := row{
		number: strconv.Itoa(int(f.Number())), label: f.Cardinality().String(),
		kind: kindName(f), deprecated: options.GetDeprecated(), def: defaultText(f),
	}
	if f.IsMap() {
		r.label, r.kind = "map", "map<string,"+kindName(f.MapValue())+">"
	}
	if o := f.ContainingOneof(); o != nil {
		r.label, r.oneof = "oneof", string(o.Name())
	}
	return r
}

func kindName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return string(f.Message().FullName())
	case f.Enum() != nil:
		return string(f.Enum().FullName())
	}
	return f.Kind().String()
}

func defaultText(f protoreflect.FieldDescriptor) string {
	switch {
	case !f.HasDefault():
		return ""
	case f.Enum() != nil:
		return string(f.DefaultEnumValue().Name())
	case f.Kind() == protoreflect.StringKind:
		return strconv.Quote(f.Default().String())
	case f.Kind() == protoreflect.DoubleKind:
		return strconv.FormatFloat(f.Default().Float(), 'f', 1, 64)
	}
	return f.Default().String()
}
