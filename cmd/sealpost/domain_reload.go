package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sealpost/config"
)

// tellServer has a running server read its files again. Without one there is nobody
// to tell.
func tellServer(ctx context.Context, settings config.Config) (running bool, err error) {
	var answer bytes.Buffer
	err = askServer(ctx, settings.Data, "server.reload", strings.NewReader("{}"), &answer)
	if errors.Is(err, errNoServer) {
		return false, nil
	}
	var v reloadView
	if err == nil {
		err = json.Unmarshal(answer.Bytes(), &v)
	}
	if err = errors.Join(err, v.failure()); err != nil {
		return true, fmt.Errorf("the server goes on as before: %w", err)
	}
	return true, nil
}
