package main

import (
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func (g *file) appendJSON(m *protogen.Message) {
	g.P("// AppendJSON appends m in Mesos' JSON dialect.")
	g.P("func (m *", m.GoIdent, ") AppendJSON(b []byte) []byte {")
	if len(m.Fields) == 0 {
		g.P("return append(b, ", quoteRaw("{}"), "...)")
		g.P("}")
		g.P()
		return
	}
	g.P("if m == nil { return append(b, ", quoteRaw("{}"), "...) }")
	g.P("b = append(b, '{')")
	for _, f := range m.Fields {
		switch {
		case f.Desc.IsMap():
			g.appendMap(f)
		case f.Desc.IsList():
			g.appendList(f)
		case f.Oneof != nil:
			g.P("if x, ok := m.", f.Oneof.GoName, ".(*", f.GoIdent, "); ok {")
			g.appendMember(f, "x."+f.GoName, "x."+f.GoName)
			g.P("}")
		case printsDefault(f):
			get := "m.Get" + f.GoName + "()"
			g.appendMember(f, get, get)
		default:
			g.P("if m.", f.GoName, " != nil {")
			value := "*m." + f.GoName
			if f.Desc.Kind() == protoreflect.BytesKind {
				value = "m." + f.GoName
			}
			g.appendMember(f, value, "m."+f.GoName)
			g.P("}")
		}
	}
	g.P("return ", g.json("End"), "(b)")
	g.P("}")
	g.P()
}

// printsDefault says whether an unset field is printed with its default: Mesos does so
// for every field with an explicit default that is not deprecated.
func printsDefault(f *protogen.Field) bool { return f.Desc.HasDefault() && !isDeprecated(f) }

func isDeprecated(f *protogen.Field) bool {
	options, _ := f.Desc.Options().(*descriptorpb.FieldOptions)
	return options.GetDeprecated()
}

// appendMember writes one singular field; value is its value, object what methods of an
// enum or a message are called on.
func (g *file) appendMember(f *protogen.Field, value, object string) {
	key := keyOf(f)
	switch f.Desc.Kind() {
	case protoreflect.BoolKind:
		g.P("b = ", g.json("Bool"), "(b, ", key, ", ", value, ")")
	case protoreflect.Int32Kind:
		g.P("b = ", g.json("Int"), "(b, ", key, ", int64(", value, "))")
	case protoreflect.Int64Kind:
		g.P("b = ", g.json("Int"), "(b, ", key, ", ", value, ")")
	case protoreflect.Uint32Kind:
		g.P("b = ", g.json("Uint"), "(b, ", key, ", uint64(", value, "))")
	case protoreflect.Uint64Kind:
		g.P("b = ", g.json("Uint"), "(b, ", key, ", ", value, ")")
	case protoreflect.DoubleKind:
		g.P("b = ", g.json("Double"), "(b, ", key, ", ", value, ")")
	case protoreflect.StringKind:
		g.P("b = ", g.json("String"), "(b, ", key, ", ", value, ")")
	case protoreflect.BytesKind:
		g.P("b = ", g.json("Bytes"), "(b, ", key, ", ", value, ")")
	case protoreflect.EnumKind:
		g.P("b = ", g.json("Name"), "(b, ", key, ", ", object, ".JSONName())")
	case protoreflect.MessageKind:
		if isDuration(f) {
			g.P("b = ", g.json("Duration"), "(b, ", key, ", ", object, ".GetSeconds(), ", object, ".GetNanos())")
			return
		}
		g.P("b = append(", object, ".AppendJSON(append(b, ", key, "...)), ',')")
	default:
		g.unsupported(f)
	}
}

// emptyLists are the messages whose lists Mesos prints even when they are empty: what it
// assembles by hand for large reads. Deprecated lists it leaves out there too.
var emptyLists = map[protoreflect.FullName]bool{
	"mesos.v1.agent.Response.GetExecutors":   true,
	"mesos.v1.agent.Response.GetFrameworks":  true,
	"mesos.v1.agent.Response.GetTasks":       true,
	"mesos.v1.master.Response.GetAgents":     true,
	"mesos.v1.master.Response.GetExecutors":  true,
	"mesos.v1.master.Response.GetFrameworks": true,
	"mesos.v1.master.Response.GetTasks":      true,
}

func (g *file) appendList(f *protogen.Field) {
	if emptyLists[f.Parent.Desc.FullName()] && !isDeprecated(f) {
		g.P("{")
	} else {
		g.P("if len(m.", f.GoName, ") > 0 {")
	}
	g.P("b = append(b, ", quoteRaw(`"`+string(f.Desc.Name())+`":[`), "...)")
	g.P("for _, x := range m.", f.GoName, " {")
	g.appendValue(f, f.Desc.Kind())
	g.P("}")
	g.P("b = ", g.json("EndList"), "(b)")
	g.P("}")
}

// appendValue writes x, an element of a list or a map, and its comma.
func (g *file) appendValue(f *protogen.Field, kind protoreflect.Kind) {
	switch kind {
	case protoreflect.StringKind:
		g.P("b = append(", g.json("AppendString"), "(b, x), ',')")
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		g.P("b = append(", g.json("AppendUint"), "(b, uint64(x)), ',')")
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		g.P("b = append(", g.json("AppendInt"), "(b, int64(x)), ',')")
	case protoreflect.DoubleKind:
		g.P("b = append(", g.json("AppendDouble"), "(b, x), ',')")
	case protoreflect.EnumKind:
		g.P("b = ", g.json("Name"), "(b, ``, x.JSONName())")
	case protoreflect.MessageKind:
		g.P("b = append(x.AppendJSON(b), ',')")
	default:
		g.unsupported(f)
	}
}

func (g *file) appendMap(f *protogen.Field) {
	if f.Message.Fields[0].Desc.Kind() != protoreflect.StringKind {
		g.unsupported(f)
	}
	g.P("if len(m.", f.GoName, ") > 0 {")
	g.P("b = append(b, ", quoteRaw(`"`+string(f.Desc.Name())+`":{`), "...)")
	g.P("var keys [16]string")
	g.P("for _, k := range ", g.json("SortedKeys"), "(m.", f.GoName, ", keys[:0]) {")
	g.P("x := m.", f.GoName, "[k]")
	g.P("b = ", g.json("Key"), "(b, k)")
	g.appendValue(f, f.Message.Fields[1].Desc.Kind())
	g.P("}")
	g.P("b = ", g.json("EndMap"), "(b)")
	g.P("}")
}

func isDuration(f *protogen.Field) bool {
	return f.Message != nil && f.Message.Desc.FullName() == "google.protobuf.Duration"
}

func keyOf(f *protogen.Field) string { return quoteRaw(`"` + string(f.Desc.Name()) + `":`) }

func quoteRaw(s string) string { return "`" + s + "`" }
