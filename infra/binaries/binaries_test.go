package binaries

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/env"
)

const root = "../.."

// Budgets of QUALITY section 1, in bytes.
const (
	maxBinary = 18 << 20
	maxZip    = 6_500_000
)

func TestABootstrapIsTheSameBytesOnAnyMachineAndBelowItsBudget(t *testing.T) {
	folder, err := Build(t.Context(), root, "arm64", env.Feedback)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, string(env.Feedback), "bootstrap")
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		t.Fatalf("%s can't be executed: %v, %v", path, info.Mode(), err)
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(binary, []byte(here)) {
		t.Fatalf("the binary names %s, a folder of this machine", here)
	}
	if !bytes.HasPrefix(binary, []byte("\x7fELF")) || binary[18] != 183 { // EM_AARCH64 (ELF for the Arm 64-bit Architecture)
		t.Fatal("the binary is none for linux on arm64")
	}
	if len(binary) > maxBinary || zipped(t, binary) > maxZip {
		t.Fatalf("binary %d bytes, zip %d bytes; %d and %d are the most", len(binary), zipped(t, binary), maxBinary, maxZip)
	}
}

func TestNoFunctionIsBuiltForAProcessorThatLambdaHasNot(t *testing.T) {
	_, err := Build(t.Context(), root, "riscv64", env.Feedback)
	want := `no processor "riscv64" on Lambda (arm64 or x86_64)`
	if err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

func TestEveryFunctionOfTheEnvironmentIsBuilt(t *testing.T) {
	for _, f := range Functions {
		if _, err := os.Stat(filepath.Join(root, "functions", string(f), "lambda", "main.go")); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "lambda"))
	if err != nil || len(mains) != len(Functions) {
		t.Fatalf("there are %d functions to build and %d mains (%v)", len(Functions), len(mains), err)
	}
}

// BenchmarkSize prints what each function weighs, and fails where one is above
// its budget.
func BenchmarkSize(b *testing.B) {
	for _, f := range Functions {
		b.Run(string(f), func(b *testing.B) {
			folder, err := Build(b.Context(), root, "arm64", f)
			if err != nil {
				b.Fatal(err)
			}
			binary, err := os.ReadFile(filepath.Join(folder, string(f), "bootstrap"))
			if err != nil {
				b.Fatal(err)
			}
			packed := zipped(b, binary)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(binary))/(1<<20), "MiB-binary")
			b.ReportMetric(float64(packed)/1e6, "MB-zip")
			if len(binary) > maxBinary || packed > maxZip {
				b.Errorf("binary %d bytes, zip %d bytes; %d and %d are the most", len(binary), packed, maxBinary, maxZip)
			}
		})
	}
}

// zipped is the size of the archive that the CLI uploads.
func zipped(tb testing.TB, binary []byte) int {
	tb.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) { return flate.NewWriter(to, flate.BestCompression) })
	file, err := w.Create("bootstrap")
	if err == nil {
		_, err = file.Write(binary)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return out.Len()
}
