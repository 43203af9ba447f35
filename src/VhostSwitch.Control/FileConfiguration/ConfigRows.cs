using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>
/// Makes of a configuration what the database's tables would hold, so that there is one place that says what columns mean:
/// <see cref="OvsdbConfiguration"/>.
/// </summary>
internal sealed class ConfigRows
{
    private readonly OvsdbReplica _replica = new();
    private readonly SwitchReport? _now;
    private int _rows;

    private ConfigRows(SwitchReport? now) => _now = now;

    /// <summary>What is wanted.</summary>
    /// <param name="root">The configuration.</param>
    /// <param name="now">How the switch is, so that interfaces keep their numbers; null before it is configured.</param>
    public static WantedSwitch Wanted(ConfigRecord root, SwitchReport? now)
    {
        var rows = new ConfigRows(now);
        rows.Put(OvsdbTables.Root, root, ("bridges", OvsdbDatum.Of([.. root.Of(ConfigTable.Bridge).Select(rows.PutBridge)])));
        return OvsdbConfiguration.Of(rows._replica);
    }

    private Guid PutBridge(ConfigRecord bridge)
    {
        var ports = bridge.Of(ConfigTable.Port).ToDictionary(port => port.Name, PutPort);
        var mirrors = bridge.Of(ConfigTable.Mirror).Select(mirror => PutMirror(mirror, ports));
        return Put(OvsdbTables.Bridge, bridge,
            ("datapath_type", OvsdbDatum.Of("netdev")), ("ports", OvsdbDatum.Of(ports.Values)), ("mirrors", OvsdbDatum.Of(mirrors)));
    }

    // Both tables get all columns: none but other_config is in both, and that is read for both.
    private Guid PutPort(ConfigRecord port)
    {
        long? number = _now?.Interfaces.GetValueOrDefault(port.Name)?.OfPort;
        var @interface = Put(OvsdbTables.Interface, port, ("ofport", OvsdbDatum.Of(number)));
        return Put(OvsdbTables.Port, port, ("interfaces", OvsdbDatum.Of([@interface])));
    }

    private Guid PutMirror(ConfigRecord mirror, Dictionary<string, Guid> ports) => Put(OvsdbTables.Mirror, mirror,
        [.. from column in mirror.Table.Columns
            where column.Type == ConfigType.Port && mirror.Columns.ContainsKey(column.Name)
            select (column.Name, OvsdbDatum.Of(mirror.Columns[column.Name].Texts.Select(name => ports[name])))]);

    private Guid Put(string table, ConfigRecord record, params ReadOnlySpan<(string Column, OvsdbDatum Value)> more)
    {
        var columns = record.Columns.ToDictionary();
        columns["name"] = OvsdbDatum.Of(record.Name);
        foreach (var (column, value) in more)
            columns[column] = value;
        var row = new OvsdbRow(new Guid(++_rows, 0, 0, new byte[8]), columns);
        _replica.Put(table, row);
        return row.Id;
    }
}
