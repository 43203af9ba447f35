using System.Text.Json;
using System.Text.Json.Nodes;
using VhostSwitch.Control.FileConfiguration;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.Tests.FileConfiguration;

/// <summary>docs/configuration.schema.json, by which editors check and complete the file, says what the program takes.</summary>
public class ConfigSchemaTests
{
    /// <summary>Set to 1 to write the document anew.</summary>
    private const string WriteVariable = "VHOSTSWITCH_WRITE_SCHEMA";

    [Fact]
    public void TheSchemaIsWhatTheProgramTakes()
    {
        string path = Path.Combine(Root(), "docs", "configuration.schema.json");
        var schema = Schema(ConfigTable.Switch);
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.Insert(1, "title", "The configuration file of vhost-switch");
        string text = schema.ToJsonString(new JsonSerializerOptions { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n";
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1") File.WriteAllText(path, text);
        Assert.Equal(text, File.ReadAllText(path));
    }

    [Fact]
    public void TheDocumentNamesEveryColumnAndKey()
    {
        string text = File.ReadAllText(Path.Combine(Root(), "docs", "configuration.md"));
        foreach (var column in ConfigTable.All.SelectMany(table => table.Columns))
        {
            Assert.Contains($"`{column.Name}`", text);
            Assert.All(column.Keys, key => Assert.Contains($"`{key.Name}`", text));
        }
        foreach (string name in ConfigCommands.Names)
            Assert.Contains($"`{name}", text);
    }

    /// <summary>The example of the document is one.</summary>
    [Fact]
    public void TheDocumentsFileIsRead()
    {
        string text = File.ReadAllText(Path.Combine(Root(), "docs", "configuration.md"));
        int begin = text.IndexOf("```json\n", StringComparison.Ordinal) + "```json\n".Length;
        Assert.NotEmpty(Files.Read(text[begin..text.IndexOf("```", begin, StringComparison.Ordinal)]).Children);
    }

    private static JsonObject Schema(ConfigTable table)
    {
        var properties = new JsonObject();
        if (table.HasName) properties.Add(ConfigTable.NameMember, new JsonObject { ["type"] = "string", ["pattern"] = "^[^\\s-]\\S*$" });
        foreach (var column in table.Columns)
            properties.Add(column.Name, Schema(column));
        foreach (var child in table.Children)
            properties.Add(child.List, new JsonObject { ["type"] = "array", ["items"] = Schema(child) });
        var schema = Closed(properties);
        if (table.HasName) schema["required"] = new JsonArray(ConfigTable.NameMember);
        return schema;
    }

    private static JsonObject Schema(ConfigColumn column) => column.Shape switch
    {
        ConfigShape.Set => new JsonObject { ["type"] = "array", ["items"] = Schema(column.Type) },
        ConfigShape.Map => Closed(new JsonObject(column.Keys.Select(key => KeyValuePair.Create<string, JsonNode?>(key.Name, Schema(key.Type))))),
        _ => Schema(column.Type),
    };

    private static JsonObject Closed(JsonObject properties) =>
        new() { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };

    private static JsonObject Schema(ConfigType type) => type switch
    {
        { Kind: OvsdbAtomKind.Boolean } => new JsonObject { ["type"] = "boolean" },
        { Kind: OvsdbAtomKind.Integer } => new JsonObject { ["type"] = "integer", ["minimum"] = type.Least, ["maximum"] = type.Most },
        { Words.Count: > 0 } => new JsonObject { ["enum"] = new JsonArray([.. type.Words.Select(word => JsonValue.Create(word))]) },
        _ => new JsonObject { ["type"] = "string", ["minLength"] = 1, ["description"] = type.Allowed },
    };

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "VhostSwitch.slnx")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
