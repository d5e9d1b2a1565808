package resource

import (
	"fmt"
	"strings"

	"github.com/caprock/caprock/wire/json"
	"github.com/caprock/caprock/wire/mesos"
)

// messagesFromJSON reads a JSON array of resource messages as flags hold it. isArray is false when
// the text does not begin like an array; it is in the short form then.
func messagesFromJSON(text string) (messages []*mesos.Resource, isArray bool, err error) {
	if !strings.HasPrefix(trim(text), "[") {
		return nil, false, nil
	}
	d := json.NewDecoder([]byte(text))
	for d.Array(); d.More(); {
		m := new(mesos.Resource)
		m.DecodeJSON(d)
		messages = append(messages, m)
	}
	if err := d.Finish(); err != nil {
		return nil, true, fmt.Errorf("cannot read resources as a JSON array: %w", err)
	}
	return messages, true, nil
}
