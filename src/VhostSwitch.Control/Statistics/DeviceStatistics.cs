using System.Text.Json.Serialization;

namespace VhostSwitch.Control.Statistics;

/// <summary>What one device sent and received, from its guest's point of view as in DPDK.</summary>
/// <param name="Device">The device's number.</param>
/// <param name="TxTotal">Frames the guest sent.</param>
/// <param name="TxSuccessful">Those that reached at least one receiver.</param>
/// <param name="RxTotal">Frames meant for the guest.</param>
/// <param name="RxSuccessful">Those that were put into its memory.</param>
public sealed record DeviceStatistics(
    [property: JsonPropertyOrder(0)] int Device,
    [property: JsonPropertyOrder(1)] ulong TxTotal,
    [property: JsonPropertyOrder(3)] ulong TxSuccessful,
    [property: JsonPropertyOrder(4)] ulong RxTotal,
    [property: JsonPropertyOrder(6)] ulong RxSuccessful)
{
    /// <summary>Frames the guest sent that reached no receiver.</summary>
    [JsonPropertyOrder(2)]
    public ulong TxDropped => Difference(TxTotal, TxSuccessful);

    /// <summary>Frames meant for the guest that it had no room for or could not take.</summary>
    [JsonPropertyOrder(5)]
    public ulong RxDropped => Difference(RxTotal, RxSuccessful);

    // The counters are read one after the other while frames flow, so the smaller one may be ahead for a moment.
    private static ulong Difference(ulong total, ulong successful) => total > successful ? total - successful : 0;
}
