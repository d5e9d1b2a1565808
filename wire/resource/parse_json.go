package resource

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/caprock/caprock/wire/mesos"
)

// messagesFromJSON reads a JSON array of resource messages as flags hold it. isArray is false when
// the text is no JSON array at all; it may then be the short form.
func messagesFromJSON(text string) (messages []*mesos.Resource, isArray bool, err error) {
	var elements []json.RawMessage
	if err := json.Unmarshal([]byte(text), &elements); err != nil || elements == nil {
		return nil, false, nil
	}
	for i, element := range elements {
		m := &mesos.Resource{}
		// Unknown members are ignored, as everywhere in Mesos' JSON.
		options := protojson.UnmarshalOptions{DiscardUnknown: true}
		if bytes.Equal(element, []byte("null")) {
			return nil, true, fmt.Errorf("resource %d of the JSON array is null, want an object", i)
		}
		if err := options.Unmarshal(element, m); err != nil {
			return nil, true, fmt.Errorf("resource %d of the JSON array: %w", i, err)
		}
		messages = append(messages, m)
	}
	return messages, true, nil
}
