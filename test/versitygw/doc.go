// Package versitygw has the program of main.go, an S3 server for the tests of storage/s3. What
// it needs stands in gateway.mod, so that the product's own modules stay as they are:
//
//	go build -modfile=test/versitygw/gateway.mod -o versitygw ./test/versitygw/main.go
package versitygw
