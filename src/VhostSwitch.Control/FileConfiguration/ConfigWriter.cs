using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>Writes the configuration file as <see cref="ConfigReader"/> reads it.</summary>
internal static class ConfigWriter
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The whole file.</summary>
    /// <param name="root">The switch.</param>
    public static byte[] Write(ConfigRecord root)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
            Write(writer, root);
        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    private static void Write(Utf8JsonWriter writer, ConfigRecord record)
    {
        writer.WriteStartObject();
        if (record.Table.HasName) writer.WriteString(ConfigTable.NameMember, record.Name);
        foreach (var column in record.Table.Columns)
        {
            if (!record.Columns.TryGetValue(column.Name, out var value)) continue;
            writer.WritePropertyName(column.Name);
            Write(writer, column, value);
        }
        foreach (var table in record.Table.Children)
        {
            if (!record.Of(table).Any()) continue;
            writer.WriteStartArray(table.List);
            foreach (var child in record.Of(table))
                Write(writer, child);
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, ConfigColumn column, OvsdbDatum value)
    {
        switch (column.Shape)
        {
            case ConfigShape.Set:
                // On one line, as people write it.
                var elements = column.Type.Kind == OvsdbAtomKind.Integer
                    ? value.Numbers.Select(number => $"{number}")
                    : value.Texts.Select(text => $"\"{Options.Encoder!.Encode(text)}\"");
                writer.WriteRawValue($"[{string.Join(", ", elements)}]");
                break;
            case ConfigShape.Map:
                writer.WriteStartObject();
                foreach (var key in column.Keys)
                {
                    if (!value.Map.TryGetValue(key.Name, out string? text)) continue;
                    writer.WritePropertyName(key.Name);
                    Write(writer, key.Type, text);
                }
                writer.WriteEndObject();
                break;
            default:
                Write(writer, column.Type, value.Text!);
                break;
        }
    }

    private static void Write(Utf8JsonWriter writer, ConfigType type, string text)
    {
        if (type.Kind == OvsdbAtomKind.String) writer.WriteStringValue(text);
        else writer.WriteRawValue(text);
    }
}
