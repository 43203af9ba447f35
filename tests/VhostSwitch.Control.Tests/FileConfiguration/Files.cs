using System.Text;
using VhostSwitch.Control.FileConfiguration;

namespace VhostSwitch.Control.Tests.FileConfiguration;

/// <summary>Configurations as a file has them.</summary>
internal static class Files
{
    /// <summary>A bridge with two ports.</summary>
    public const string Plain = """{"bridges": [{"name": "br0", "ports": [{"name": "p0", "type": "dpdkvhostuser"}, {"name": "p1", "type": "dpdkvhostuser"}]}]}""";

    public static ConfigRecord Read(string text) => ConfigReader.Read(Encoding.UTF8.GetBytes(text), "f.json");

    public static ConfigRecord Edit(string text, string command)
    {
        string[] words = command.Split(' ');
        return ConfigEdit.Parse(words[0], words[1..])(Read(text));
    }

    public static string Text(ConfigRecord root) => Encoding.UTF8.GetString(ConfigWriter.Write(root));

    /// <summary>Everything that has a name has a value: columns and keys that are new here have one as well.</summary>
    public static ConfigRecord Everything()
    {
        var root = Edit(Plain, "add-mirror br0 m0");
        foreach (var (table, name) in ObjectsOf("br0", "p0", "m0"))
        {
            foreach (string assignment in Assignments(table))
                root = ConfigEdit.Parse("set", [table.DatabaseTables[0], name, assignment])(root);
        }
        return root;
    }

    /// <summary>One of each kind.</summary>
    public static IEnumerable<(ConfigTable Table, string Name)> ObjectsOf(string bridge, string port, string mirror) =>
        [(ConfigTable.Switch, "."), (ConfigTable.Bridge, bridge), (ConfigTable.Port, port), (ConfigTable.Mirror, mirror)];

    /// <summary>A value for each column and key, as <c>set</c> takes it.</summary>
    public static IEnumerable<string> Assignments(ConfigTable table) => table.Columns.SelectMany(column => column.Shape == ConfigShape.Map
        ? column.Keys.Select(key => $"{column.Name}:{key.Name}={Example(key.Type)}")
        : [$"{column.Name}={Example(column.Type)}"]);

    private static string Example(ConfigType type) =>
        type == ConfigType.Flag ? "true"
        : type.Words.Count > 0 ? type.Words[^1]
        : type.Most > 0 ? $"{type.Most}"
        : type == ConfigType.Address ? "02:00:00:00:00:99"
        : type == ConfigType.Port ? "p1"
        : "some \"text\"\\";
}
