package api

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/caprock/caprock/isolation/perf"
	"github.com/caprock/caprock/wire/mesos"
)

// perfStatistics words a sample of performance events as Mesos does, whose fields have
// the names of the events; clocks are in milliseconds there.
func perfStatistics(c *perf.Count) *mesos.PerfStatistics {
	if c == nil {
		return nil
	}
	st := &mesos.PerfStatistics{Timestamp: new(seconds(c.Began)), Duration: new(c.Duration.Seconds())}
	m := st.ProtoReflect()
	for event, n := range c.Values {
		field := m.Descriptor().Fields().ByName(protoreflect.Name(event.Name))
		if field.Kind() == protoreflect.DoubleKind {
			m.Set(field, protoreflect.ValueOfFloat64(float64(n)/1e6))
		} else {
			m.Set(field, protoreflect.ValueOfUint64(n))
		}
	}
	return st
}
