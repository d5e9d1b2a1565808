package framework

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/caprock/caprock/wire/codec"
	"github.com/caprock/caprock/wire/httpc"
)

// operators is the client of all operator calls: it keeps its connections.
var operators = httpc.New(httpc.Options{})

// Ask sends an operator call to the /api/v1 of the allocator or agent at url
// and decodes its answer into response; nil expects an empty one.
func Ask(ctx context.Context, url string, call, response codec.Message) error {
	body, err := codec.Protobuf.Append(nil, call)
	if err != nil {
		return err
	}
	resp, err := operators.Do(ctx, &httpc.Request{
		URL:         strings.TrimSuffix(url, "/") + "/api/v1",
		ContentType: codec.Protobuf.ContentType(),
		Headers:     []httpc.Field{{Name: "Accept", Value: codec.Protobuf.ContentType()}},
		Body:        body,
	})
	if err != nil {
		return err
	}
	if resp.Status >= 300 {
		return fmt.Errorf("got status %d from %s: %s", resp.Status, url, bytes.TrimSpace(resp.Body))
	}
	if response == nil {
		return nil
	}
	return codec.Protobuf.UnmarshalTrusted(resp.Body, response)
}
