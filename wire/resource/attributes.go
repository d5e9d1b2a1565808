package resource

import (
	"fmt"
	"strings"

	"github.com/caprock/caprock/wire/mesos"
)

// ParseAttributes reads the attributes of an agent as flags hold them: "rack:r1;level:3;range:[1-5]".
// A number is a SCALAR, brackets are RANGES, anything else is TEXT; sets are refused. The value
// begins after the first colon. Blanks are taken out of values and kept in names.
func ParseAttributes(text string) ([]*mesos.Attribute, error) {
	var attributes []*mesos.Attribute
	for _, token := range tokenize(text, ";\n") {
		name, valueText, _ := strings.Cut(token, ":")
		if name == "" || valueText == "" {
			return nil, fmt.Errorf("attribute %q: want name:value", token)
		}
		value, err := parseValue(valueText)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", token, err)
		}
		if value.kind == mesos.Value_SET {
			return nil, fmt.Errorf("attribute %q: sets are not supported", token)
		}
		a := &mesos.Attribute{Name: &name, Type: value.kind.Enum()}
		a.Scalar, a.Ranges = value.scalarMessage(), value.rangesMessage()
		if value.kind == mesos.Value_TEXT {
			a.Text = &mesos.Value_Text{Value: &value.text}
		}
		attributes = append(attributes, a)
	}
	return attributes, nil
}
