using System.Text.Json.Serialization;

namespace VhostSwitch.Control.CommandLine;

/// <summary>How the switch decides where a frame goes: <c>--mode</c>.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SwitchMode>))]
public enum SwitchMode
{
    /// <summary>An ordinary learning bridge: no tags, any number of addresses a device, unknown destinations are flooded.</summary>
    [JsonStringEnumMemberName("bridge")]
    Bridge,

    /// <summary>DPDK's way: one address a device, learned from its first frame, and a VLAN tag of 1000 plus the device's number.</summary>
    [JsonStringEnumMemberName("vmdq")]
    Vmdq,
}
