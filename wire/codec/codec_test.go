package codec

import (
	"testing"

	"github.com/caprock/caprock/wire/mesos/master"
	"github.com/caprock/caprock/wire/mesos/scheduler"
)

var _ Message = (*scheduler.Call)(nil)

func TestUnmarshalNamesMissingFields(t *testing.T) {
	var c master.Call
	err := JSON.Unmarshal([]byte(`{"type":"READ_FILE","read_file":{}}`), &c)
	if err == nil || err.Error() != "cannot read JSON as Call: missing required fields: read_file.path, read_file.offset" {
		t.Fatal(err)
	}
	b, err := JSON.Append(nil, &c)
	t.Logf("%s %v", b, err)
	if err := JSON.Unmarshal([]byte(`{"type":"READ_FILE","read_file":{"path":1}}`), &c); err == nil {
		t.Fatal()
	} else {
		t.Log(err)
	}
}
