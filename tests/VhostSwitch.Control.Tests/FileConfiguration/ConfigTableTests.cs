using System.Collections;
using System.Reflection;
using System.Text.Json;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.FileConfiguration;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.Tests.FileConfiguration;

/// <summary>What the file may say, beside what a database may say and what the switch can want.</summary>
public class ConfigTableTests
{
    /// <summary>What only a database has, and why.</summary>
    private static readonly Dictionary<string, string> OnlyInADatabase = new()
    {
        ["WantedSwitch.WithoutMeaning"] = "refused in a file",
        ["WantedBridge.DatapathType"] = "this program is the only datapath",
        ["WantedBridge.FailMode"] = "there is no controller",
        ["WantedBridge.HasController"] = "there is no controller",
        ["WantedPort.HasQos"] = "a table of its own there, and not built",
        ["WantedInterface.OfPortBefore"] = "the switch's, not the user's",
    };

    [Fact]
    public void WhateverCanBeWantedCanBeWritten()
    {
        var plain = PropertiesOf(ConfigRows.Wanted(Files.Read("""{"bridges": [{"name": "b", "ports": [{"name": "p"}], "mirrors": [{"name": "m"}]}]}"""), null));
        var everything = PropertiesOf(ConfigRows.Wanted(Files.Everything(), null));
        Assert.Contains("WantedMirror.SnapLength", everything.Keys);
        Assert.Equal(OnlyInADatabase.Keys.Order(), everything.Where(property => property.Value.SetEquals(plain[property.Key])).Select(property => property.Key).Order());
    }

    [Fact]
    public void WhateverCanBeWrittenHasAnEffect()
    {
        var plain = Files.Edit(Files.Plain, "add-mirror br0 m0");
        string before = JsonSerializer.Serialize(ConfigRows.Wanted(plain, null));
        foreach (var (table, name) in Files.ObjectsOf("br0", "p0", "m0"))
        {
            foreach (string assignment in Files.Assignments(table))
            {
                var after = ConfigEdit.Parse("set", [table.DatabaseTables[0], name, assignment])(plain);
                Assert.True(JsonSerializer.Serialize(ConfigRows.Wanted(after, null)) != before, $"{table}: {assignment} is ignored");
            }
        }
    }

    [Fact]
    public void EveryNameIsAColumnOfTheDatabase()
    {
        foreach (var table in ConfigTable.All)
        {
            var known = OvsdbTables.All.Where(its => table.DatabaseTables.Contains(its.Name)).SelectMany(its => its.Configuration).ToHashSet();
            Assert.Empty(table.Columns.Select(column => column.Name).Except(known));
        }
    }

    [Fact]
    public void TheSameWordsAreWantedByAFileAndByADatabase()
    {
        var ofFile = ConfigRows.Wanted(Files.Read(
            """
            {"bridges": [{"name": "br0", "ports": [{"name": "p0", "type": "dpdkvhostuser", "tag": 5, "trunks": [7, 6], "vlan_mode": "native-tagged", "mac": "02:00:00:00:00:07"}]}]}
            """), null);
        var ofDatabase = OvsdbConfiguration.Of(Ovsdb.Tables.With(
            port: ", \"tag\": 5, \"trunks\": [\"set\", [6, 7]], \"vlan_mode\": \"native-tagged\"", @interface: ", \"mac\": \"02:00:00:00:00:07\""));
        Assert.Equal(JsonSerializer.Serialize(ofDatabase), JsonSerializer.Serialize(ofFile));
    }

    [Fact]
    public void InterfacesKeepTheirNumbers()
    {
        var now = new SwitchReport(new Dictionary<string, BridgeReport>(), new Dictionary<string, InterfaceReport> { ["p0"] = new(9, null), ["p1"] = new(-1, "no") });
        var ports = ConfigRows.Wanted(Files.Read(Files.Plain), now).Bridges[0].Ports;
        Assert.Equal([9, null], ports.Select(port => port.Interfaces[0].OfPortBefore));
    }

    /// <summary>The values of each property of each record, wherever it occurs.</summary>
    private static Dictionary<string, HashSet<string>> PropertiesOf(object root)
    {
        var values = new Dictionary<string, HashSet<string>>();
        Visit(root);
        return values;

        void Visit(object? value)
        {
            if (value is IEnumerable list and not string and not IDictionary)
            {
                foreach (object? element in list)
                    Visit(element);
            }
            else if (value?.GetType() is { } type && type.Namespace == typeof(WantedSwitch).Namespace && type.IsClass)
            {
                foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
                {
                    object? its = property.GetValue(value);
                    string name = $"{type.Name}.{property.Name}";
                    if (!values.TryGetValue(name, out var known)) values.Add(name, known = []);
                    known.Add(JsonSerializer.Serialize(its));
                    Visit(its);
                }
            }
        }
    }
}
