#!/usr/bin/env bash
# The extension in clients without lakebed: DuckDB's command line (from PyPI) and Node.js (where npm is installed), both
# in a temporary directory. A minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
extension=$(.venv/bin/python -c 'import lakebed; print(lakebed.extension_path())')
store=$scratch/x.lakebed
sample=docs/sample/packages.ndjson.zst

.venv/bin/python -m venv "$scratch/cli"
"$scratch/cli/bin/pip" install --quiet --only-binary :all: duckdb-cli
duckdb() { "$scratch/cli/bin/duckdb" -unsigned -noheader -list -c "LOAD '$extension'; $1"; }
expect() { [[ $1 == "$2" ]] || { echo "expected $2, got $1" >&2; exit 1; }; }

"$scratch/cli/bin/duckdb" --version
expect "$(duckdb "SELECT rows, collection FROM lakebed_ingest('$store', '$sample')")" "5306|packages"
expect "$(duckdb "SELECT count(*) FROM lakebed_scan('$store', 'packages')")" 5306
expect "$(duckdb "SELECT sum(n) FROM (SELECT Section, count(*) AS n FROM lakebed_scan('$store', 'packages') GROUP BY ALL)")" 5306
expect "$(duckdb "SELECT collection, size FROM lakebed_train('$store', 'packages', size := 50000)")" "packages|50000"
expect "$(duckdb "SELECT count(*) FROM lakebed_scan('$store', 'packages') WHERE lakebed_get('$store', _hash) = encode(_json::VARCHAR)")" 5306
expect "$(duckdb "CALL lakebed_attach('$store'); SELECT count(*) FROM packages" | tail -1)" 5306
expect "$(duckdb "FROM lakebed_scan('$store', 'package')" 2>&1 | grep -c 'did you mean "packages"')" 1

if command -v npm >/dev/null; then
    cat >"$scratch/client.mjs" <<'EOF'
import { DuckDBInstance, version } from '@duckdb/node-api';
const [extension, store] = process.argv.slice(2);
const instance = await DuckDBInstance.create(':memory:', { allow_unsigned_extensions: 'true' });
const connection = await instance.connect();
await connection.run(`LOAD '${extension}'`);
const scan = `lakebed_scan('${store}', 'packages')`;
const expect = async (sql, wanted) => {
  const rows = JSON.stringify((await connection.runAndReadAll(sql)).getRowsJson());
  if (rows !== JSON.stringify([wanted])) throw new Error(`${sql}: ${rows}`);
};
await expect(`SELECT count(*) FROM ${scan}`, ['5306']);
await expect(`SELECT sum(n) FROM (SELECT Section, count(*) AS n FROM ${scan} GROUP BY ALL)`, ['5306']);
await expect(`SELECT collection, size FROM lakebed_train('${store}', 'packages', size := 50000)`, ['packages', '50000']);
await expect(`SELECT count(*) FROM ${scan} WHERE lakebed_get('${store}', _hash) = encode(_json::VARCHAR)`, ['5306']);
await connection.run(`CALL lakebed_attach('${store}')`);
await expect('SELECT count(*) FROM packages', ['5306']);
console.log('Node.js', process.version, 'with DuckDB', version());
EOF
    (cd "$scratch" && npm install --silent --no-audit --no-fund @duckdb/node-api && node client.mjs "$extension" "$store")
else
    echo "SKIPPED: Node.js, because npm is not installed"
fi
