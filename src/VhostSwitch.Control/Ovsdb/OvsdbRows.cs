using System.Text.Json;
using VhostSwitch.Control.Configuration;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>A row that differs from what it should be.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Row">Its UUID.</param>
/// <param name="Columns">The columns that differ, as they should be.</param>
public sealed record OvsdbUpdate(string Table, Guid Row, IReadOnlyDictionary<string, OvsdbDatum> Columns)
{
    /// <summary>Writes it as an operation (RFC 7047, section 5.2.3).</summary>
    /// <param name="writer">Where to.</param>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("op", "update");
        writer.WriteString("table", Table);
        writer.WriteStartArray("where");
        writer.WriteStartArray();
        writer.WriteStringValue("_uuid");
        writer.WriteStringValue("==");
        writer.WriteStartArray();
        writer.WriteStringValue("uuid");
        writer.WriteStringValue(Row.ToString());
        writer.WriteEndArray();
        writer.WriteEndArray();
        writer.WriteEndArray();
        writer.WriteStartObject("row");
        foreach (var (column, value) in Columns)
        {
            writer.WritePropertyName(column);
            value.Write(writer);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}

/// <summary>What the columns that this switch writes should hold (<c>ovs-vswitchd.conf.db(5)</c>).</summary>
public static class OvsdbRows
{
    /// <summary>The value of a datapath's version for a switch in user space.</summary>
    private const string BuiltIn = "<built-in>";

    /// <summary>The differences between what the database says of the switch and how it is.</summary>
    /// <param name="replica">The database.</param>
    /// <param name="report">How the switch is.</param>
    /// <param name="configured">The <c>next_cfg</c> of the configuration that it has.</param>
    /// <param name="version">This program's name and version.</param>
    /// <param name="withStatistics">False to leave statistics as they are there.</param>
    public static IReadOnlyList<OvsdbUpdate> Differences(
        OvsdbReplica replica, SwitchReport report, long configured, string version, bool withStatistics)
    {
        var updates = new List<OvsdbUpdate>();
        foreach (var row in replica.Rows(OvsdbTables.Interface))
        {
            if (report.Interfaces.GetValueOrDefault(row["name"].Text ?? "") is { } state)
                Compare(OvsdbTables.Interface, row, Interface(state, row, withStatistics));
        }
        foreach (var row in replica.Rows(OvsdbTables.Bridge))
        {
            if (report.Bridges.GetValueOrDefault(row["name"].Text ?? "") is { } state)
                Compare(OvsdbTables.Bridge, row, Bridge(state));
        }
        if (OvsdbConfiguration.Root(replica) is { } root) Compare(OvsdbTables.Root, root, Root(configured, version));
        return updates;

        void Compare(string table, OvsdbRow row, Dictionary<string, OvsdbDatum> columns)
        {
            // An older schema may lack a column.
            var different = columns.Where(column => row.Columns.TryGetValue(column.Key, out var now) && !now.Equals(column.Value)).ToDictionary();
            if (different.Count > 0) updates.Add(new OvsdbUpdate(table, row.Id, different));
        }
    }

    private static Dictionary<string, OvsdbDatum> Root(long configured, string version) => new()
    {
        ["cur_cfg"] = OvsdbDatum.Of(configured),
        ["dpdk_initialized"] = OvsdbDatum.Of(true),
        ["dpdk_version"] = OvsdbDatum.Of($"none: {version}"),
        ["datapath_types"] = OvsdbDatum.Of(["netdev"]),
        ["iface_types"] = OvsdbDatum.Of(InterfaceTypes.Names),
    };

    private static Dictionary<string, OvsdbDatum> Bridge(BridgeReport state) => new()
    {
        ["datapath_id"] = OvsdbDatum.Of(state.Address is { } address ? "0000" + address.ToString().Replace(":", "", StringComparison.Ordinal) : null),
        ["datapath_version"] = OvsdbDatum.Of(BuiltIn),
        ["status"] = OvsdbDatum.Of(state.Status),
    };

    private static Dictionary<string, OvsdbDatum> Interface(InterfaceReport state, OvsdbRow row, bool withStatistics)
    {
        // What could not be made has nothing but its number and its error.
        var facts = state.Facts;
        var columns = new Dictionary<string, OvsdbDatum>
        {
            ["ofport"] = OvsdbDatum.Of(state.OfPort),
            ["error"] = OvsdbDatum.Of(state.Error),
            ["admin_state"] = OvsdbDatum.Of(facts is null ? null : facts.IsAdminUp ? "up" : "down"),
            ["link_state"] = OvsdbDatum.Of(facts is null ? null : facts.HasLink ? "up" : "down"),
            ["link_speed"] = OvsdbDatum.Of(facts?.LinkSpeed),
            ["link_resets"] = OvsdbDatum.Of(facts?.LinkResets),
            ["duplex"] = OvsdbDatum.Of(facts?.IsFullDuplex switch { null => null, true => "full", false => "half" }),
            ["mac_in_use"] = OvsdbDatum.Of(facts?.Address?.ToString()),
            ["mtu"] = OvsdbDatum.Of(facts?.Mtu),
            ["ifindex"] = OvsdbDatum.Of(facts?.Index),
            ["status"] = OvsdbDatum.Of(facts?.Status ?? new Dictionary<string, string>()),
        };
        if (withStatistics || facts is null || row["statistics"].Count == 0)
            columns["statistics"] = OvsdbDatum.Of(facts?.Statistics ?? new Dictionary<string, long>());
        return columns;
    }
}
