package framework

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/caprock/caprock/wire/codec"
)

// Ask sends an operator call to the /api/v1 of the allocator or agent at url
// and decodes its answer into response; nil expects an empty one.
func Ask(ctx context.Context, url string, call, response codec.Message) error {
	body, err := codec.Protobuf.Append(nil, call)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+"/api/v1", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", codec.Protobuf.ContentType())
	req.Header.Set("Accept", codec.Protobuf.ContentType())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("got status %s from %s: %s", resp.Status, url, bytes.TrimSpace(text))
	}
	if response == nil {
		return nil
	}
	return codec.Protobuf.Unmarshal(text, response)
}
