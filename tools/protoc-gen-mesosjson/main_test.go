package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	_ "github.com/caprock/caprock/wire/mesos/agent"
	_ "github.com/caprock/caprock/wire/mesos/allocator"
	_ "github.com/caprock/caprock/wire/mesos/executor"
	_ "github.com/caprock/caprock/wire/mesos/maintenance"
	_ "github.com/caprock/caprock/wire/mesos/master"
	_ "github.com/caprock/caprock/wire/mesos/quota"
	_ "github.com/caprock/caprock/wire/mesos/resource_provider"
	_ "github.com/caprock/caprock/wire/mesos/scheduler"
)

// request asks for all files of wire/mesos, from the descriptors linked into this test.
func request() *pluginpb.CodeGeneratorRequest {
	r := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("module=github.com/caprock/caprock")}
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) { // what a file imports comes before it
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		r.ProtoFile = append(r.ProtoFile, protodesc.ToFileDescriptorProto(f))
		if strings.HasPrefix(f.Path(), "wire/mesos/") {
			r.FileToGenerate = append(r.FileToGenerate, f.Path())
		}
	}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(f.Path(), "wire/mesos/") {
			add(f)
		}
		return true
	})
	return r
}

func run(r *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	p, err := protogen.Options{}.New(r)
	if err != nil {
		return nil, err
	}
	for _, f := range p.Files {
		if f.Generate {
			if err := generate(p, f); err != nil {
				return nil, err
			}
		}
	}
	return p.Response(), nil
}

// TestCommittedCodeIsCurrent: what is committed is what this plugin writes today. If it
// fails, run tools/genproto/genproto.sh.
func TestCommittedCodeIsCurrent(t *testing.T) {
	response, err := run(request())
	if err != nil {
		t.Fatal(err)
	}
	if len(response.File) != 9 || response.Error != nil {
		t.Fatalf("%d files, %s", len(response.File), response.GetError())
	}
	for _, f := range response.File {
		committed, err := os.ReadFile("../../" + f.GetName())
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(committed, []byte(f.GetContent())) {
			t.Errorf("%s is not what the plugin writes", f.GetName())
		}
	}
}

// A kind the dialect has no rule for must stop the build, not vanish from the JSON.
func TestUnsupportedKindsAreRefused(t *testing.T) {
	r := request()
	i := slices.IndexFunc(r.ProtoFile, func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == "wire/mesos/mesos.proto" })
	r.ProtoFile[i].MessageType[0].Field[0].Type = descriptorpb.FieldDescriptorProto_TYPE_FLOAT.Enum()
	if _, err := run(r); err == nil || !strings.Contains(err.Error(), "the Mesos dialect has no rule for") {
		t.Errorf("got %v", err)
	}
}
