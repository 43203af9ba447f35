using System.Text.Json;

namespace VhostSwitch.Interop.Rig;

/// <summary>One value of Open vSwitch's database: a column of a row, or one key of a column that is a map.</summary>
/// <param name="Column">The column as <c>Table.column</c> or <c>Table.column:key</c>.</param>
/// <param name="Row">The row's name; empty for the one row of a table.</param>
/// <param name="Type">The type of an interface; empty for other rows.</param>
internal readonly record struct DatabasePlace(string Column, string Row, string Type)
{
    public override string ToString() => $"{Column} of {(Row.Length == 0 ? "." : Row)}{(Type.Length == 0 ? "" : $" ({Type})")}";
}

/// <summary>What is in the tables Open_vSwitch, Bridge, Port, Interface and Mirror, by the names of rows in place of their UUIDs.</summary>
internal static class DatabaseContent
{
    /// <summary>What stands for a column without a value, and for a row or key that is not there.</summary>
    public const string None = "none";

    private static readonly string[] Tables = ["Open_vSwitch", "Bridge", "Port", "Interface", "Mirror"];

    /// <summary>Reads what <c>ovsdb-client --format=json dump</c> prints, a table a line.</summary>
    public static Dictionary<DatabasePlace, string> Read(IEnumerable<string> lines)
    {
        List<JsonDocument> tables = [.. lines.Select(line => JsonDocument.Parse(line))];
        List<Dictionary<string, JsonElement>> rows = [];
        Dictionary<string, string> names = [];
        foreach (JsonElement table in tables.Select(table => table.RootElement))
        {
            string name = table.GetProperty("caption").GetString()!.Split(' ')[0];
            string[] headings = [.. table.GetProperty("headings").EnumerateArray().Select(heading => heading.GetString()!)];
            foreach (JsonElement row in table.GetProperty("data").EnumerateArray())
            {
                Dictionary<string, JsonElement> columns = headings.Zip(row.EnumerateArray()).ToDictionary(column => column.First, column => column.Second);
                names[columns["_uuid"][1].GetString()!] = columns.TryGetValue("name", out JsonElement own) ? own.GetString()! : $"a row of {name}";
                if (!Tables.Contains(name)) continue;
                columns["table"] = table.GetProperty("caption");
                rows.Add(columns);
            }
        }
        Dictionary<DatabasePlace, string> content = [];
        foreach (Dictionary<string, JsonElement> row in rows)
        {
            string table = row["table"].GetString()!.Split(' ')[0];
            string name = row.TryGetValue("name", out JsonElement own) ? own.GetString()! : "";
            string type = row.TryGetValue("type", out JsonElement kind) ? kind.GetString()! : "";
            foreach ((string column, JsonElement value) in row.Where(column => column.Key is not ("_uuid" or "table")))
            {
                if (value.ValueKind == JsonValueKind.Array && value[0].ValueEquals("map"))
                {
                    foreach (JsonElement pair in value[1].EnumerateArray())
                        content.Add(new($"{table}.{column}:{Text(pair[0])}", name, type), Text(pair[1]));
                }
                else if (Text(value) is { Length: > 0 } text)
                {
                    content.Add(new($"{table}.{column}", name, type), text);
                }
            }
        }
        tables.ForEach(table => table.Dispose());
        return content;

        string Text(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Array when value[0].ValueEquals("uuid") => names[value[1].GetString()!],
            JsonValueKind.Array => string.Join(", ", value[1].EnumerateArray().Select(Text).Order(StringComparer.Ordinal)),
            _ => value.GetRawText(),
        };
    }
}
