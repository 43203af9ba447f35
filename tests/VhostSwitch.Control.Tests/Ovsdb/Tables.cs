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

    /// <summary>One bridge br0 with the port p0.</summary>
    /// <param name="port">More columns of the port.</param>
    /// <param name="interface">More columns of the interface.</param>
    /// <param name="bridge">More columns of the bridge.</param>
    /// <param name="root">More columns of the root.</param>
    public static OvsdbReplica With(string port = "", string @interface = "", string bridge = "", string root = "") => Of($$"""
        {
          "Open_vSwitch": { "{{Root}}": { "new": { "bridges": ["uuid", "{{Bridge}}"], "next_cfg": 7, "cur_cfg": 6, "other_config": ["map", []]{{root}} } } },
          "Bridge": { "{{Bridge}}": { "new": { "name": "br0", "ports": ["set", [["uuid", "{{Port}}"]]], "datapath_type": "netdev", "fail_mode": ["set", []]{{bridge}} } } },
          "Port": { "{{Port}}": { "new": { "name": "p0", "interfaces": ["uuid", "{{Interface}}"], "trunks": ["set", []]{{port}} } } },
          "Interface": { "{{Interface}}": { "new": { "name": "p0", "type": "dpdkvhostuser", "ofport": ["set", []], "error": ["set", []], "statistics": ["map", []]{{@interface}} } } }
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
}
