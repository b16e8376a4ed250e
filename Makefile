run:
	go run ./cmd/sealpost demo
