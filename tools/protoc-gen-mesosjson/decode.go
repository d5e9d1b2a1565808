package main

import (
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func (g *file) decodeJSON(m *protogen.Message) {
	g.P("// DecodeJSON reads m from Mesos' JSON dialect; d.Finish tells which required fields lack.")
	g.P("func (m *", m.GoIdent, ") DecodeJSON(d *", g.json("Decoder"), ") error {")
	g.P("for d.Object(); d.Next(); {")
	if len(m.Fields) == 0 {
		g.P("d.Skip()")
	} else {
		g.P("switch string(d.Key()) {")
		for _, f := range m.Fields {
			g.P("case ", quote(string(f.Desc.Name())), ":")
			g.decodeField(f)
		}
		g.P("default: d.Skip()")
		g.P("}")
	}
	g.P("}")
	for _, f := range m.Fields {
		if f.Desc.Cardinality() == protoreflect.Required {
			g.P("if m.", f.GoName, " == nil { d.Missing(", quote(string(f.Desc.Name())), ") }")
		}
	}
	g.P("return d.Err()")
	g.P("}")
	g.P()
}

func (g *file) decodeField(f *protogen.Field) {
	field := "m." + f.GoName
	switch {
	case f.Desc.IsMap():
		g.decodeMap(f)
	case f.Desc.IsList():
		g.P(field, " = nil")
		g.P("for d.Array(); d.More(); {")
		g.decodeElement(f, func(x string) { g.P(field, " = append(", field, ", ", x, ")") })
		g.P("}")
	case f.Oneof != nil:
		g.P("if d.Some() {")
		g.decodeElement(f, func(x string) {
			g.P("m.", f.Oneof.GoName, " = &", f.GoIdent, "{", f.GoName, ": ", x, "}")
		})
		g.P("}")
	case f.Message != nil:
		g.P("if ", field, " = nil; d.Some() {")
		g.decodeElement(f, func(x string) { g.P(field, " = ", x) })
		g.P("}")
	case f.Enum != nil && f.Desc.Cardinality() == protoreflect.Required:
		g.P(field, " = ", g.json("RequiredEnum"), "[", f.Enum.GoIdent, "](d)")
	case f.Enum != nil:
		g.P(field, " = ", g.json("Enum"), "[", f.Enum.GoIdent, "](d)")
	default:
		g.P(field, " = d.", optional(g, f), "()")
	}
}

func optional(g *file, f *protogen.Field) string {
	switch f.Desc.Kind() {
	case protoreflect.BoolKind:
		return "OptBool"
	case protoreflect.Int32Kind:
		return "OptInt32"
	case protoreflect.Int64Kind:
		return "OptInt64"
	case protoreflect.Uint32Kind:
		return "OptUint32"
	case protoreflect.Uint64Kind:
		return "OptUint64"
	case protoreflect.DoubleKind:
		return "OptDouble"
	case protoreflect.StringKind:
		return "OptString"
	case protoreflect.BytesKind:
		return "Bytes"
	}
	g.unsupported(f)
	return "Skip"
}

// decodeElement reads a value that is there (not null) and hands it to assign.
func (g *file) decodeElement(f *protogen.Field, assign func(x string)) {
	switch f.Desc.Kind() {
	case protoreflect.StringKind:
		assign("d.Str()")
	case protoreflect.BytesKind:
		assign("d.Bytes()")
	case protoreflect.BoolKind:
		assign("d.Bool()")
	case protoreflect.Uint32Kind:
		assign("uint32(d.Uint(32))")
	case protoreflect.Uint64Kind:
		assign("d.Uint(64)")
	case protoreflect.Int32Kind:
		assign("int32(d.Int(32))")
	case protoreflect.Int64Kind:
		assign("d.Int(64)")
	case protoreflect.DoubleKind:
		assign("d.Double()")
	case protoreflect.EnumKind:
		g.P("if x := ", g.json("Enum"), "[", f.Enum.GoIdent, "](d); x != nil {")
		assign("*x")
		g.P("}")
	case protoreflect.MessageKind:
		g.P("x := new(", f.Message.GoIdent, ")")
		if isDuration(f) {
			g.P("x.Seconds, x.Nanos = d.Duration()")
		} else {
			g.P("x.DecodeJSON(d)")
		}
		assign("x")
	default:
		g.unsupported(f)
	}
}

// decodeMap reads an object into a map. A null value drops its key.
func (g *file) decodeMap(f *protogen.Field) {
	field := "m." + f.GoName
	g.P("if ", field, " = nil; d.Some() {")
	g.P("for d.Object(); d.Next(); {")
	g.P("k := string(d.Key())")
	g.P("if delete(", field, ", k); !d.Some() { continue }")
	value := f.Message.Fields[1]
	g.P("if ", field, " == nil { ", field, " = make(", g.mapType(f), ") }")
	g.decodeElement(value, func(x string) { g.P(field, "[k] = ", x) })
	g.P("}")
	g.P("}")
}

func (g *file) mapType(f *protogen.Field) string {
	switch value := f.Message.Fields[1]; value.Desc.Kind() {
	case protoreflect.MessageKind:
		return "map[string]*" + g.QualifiedGoIdent(value.Message.GoIdent)
	case protoreflect.StringKind:
		return "map[string]string"
	}
	g.unsupported(f)
	return "map[string]string"
}
