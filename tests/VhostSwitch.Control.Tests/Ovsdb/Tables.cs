using System.Text.Json;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.Tests.Ovsdb;

/// <summary>A database as ovsdb-server would send it.</summary>
internal static class Tables
{
    public const string Root = "00000000-0000-0000-0000-000000000001";
    public const string Bridge = "00000000-0000-0000-0000-000000000002";
    public const string Port = "00000000-0000-0000-0000-000000000003";
    public const string Interface = "00000000-0000-0000-0000-000000000004";
    public const string Mirror = "00000000-0000-0000-0000-000000000005";

    /// <summary>One bridge br0 with the port p0. Columns that are given count in place of those here.</summary>
    /// <param name="port">Columns of the port, with a comma before each.</param>
    /// <param name="interface">Columns of the interface.</param>
    /// <param name="bridge">Columns of the bridge.</param>
    /// <param name="root">Columns of the root.</param>
    public static OvsdbReplica With(string port = "", string @interface = "", string bridge = "", string root = "") => Of($$"""
        {
          "Open_vSwitch": { "{{Root}}": { "new": {{Row($"""
            "bridges": ["uuid", "{Bridge}"], "next_cfg": 7, "cur_cfg": 6, "other_config": ["map", []]{root}
            """)}} } },
          "Bridge": { "{{Bridge}}": { "new": {{Row($"""
            "name": "br0", "ports": ["set", [["uuid", "{Port}"]]], "datapath_type": "netdev", "fail_mode": ["set", []]{bridge}
            """)}} } },
          "Port": { "{{Port}}": { "new": {{Row($"""
            "name": "p0", "interfaces": ["uuid", "{Interface}"], "trunks": ["set", []]{port}
            """)}} } },
          "Interface": { "{{Interface}}": { "new": {{Row($"""
            "name": "p0", "type": "dpdkvhostuser", "ofport": ["set", []], "error": ["set", []], "link_state": ["set", []], "mtu": ["set", []],
            "status": ["map", []], "statistics": ["map", []]{@interface}
            """)}} } }
        }
        """);

    public static OvsdbReplica Of(string updates)
    {
        var replica = new OvsdbReplica();
        replica.Apply(Json(updates));
        return replica;
    }

    public static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static string Row(string columns)
    {
        var last = new Dictionary<string, JsonElement>();
        foreach (var column in Json($"{{{columns}}}").EnumerateObject())
            last[column.Name] = column.Value;
        return JsonSerializer.Serialize(last);
    }
}
