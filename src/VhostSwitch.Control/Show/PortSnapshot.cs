namespace VhostSwitch.Control.Show;

/// <summary>One port of a <see cref="SwitchSnapshot"/>.</summary>
/// <param name="Name">The name people know it by.</param>
/// <param name="Driver">The driver's name as DPDK has it.</param>
/// <param name="Device">The number of the device that is connected, as in the log lines; null while none is.</param>
/// <param name="Endpoint">The socket's path, as it was configured; for other drivers the interface or file.</param>
/// <param name="Status">One line that answers "why does no frame flow?"; begins with <c>up</c> when frames can.</param>
/// <param name="Features">The virtio features agreed on, by name; empty before that. For other drivers the offloads in use.</param>
/// <param name="ProtocolFeatures">The vhost-user protocol features agreed on, by name.</param>
/// <param name="MemoryRegions">How many regions of memory the front-end shares now; 0 before it does.</param>
/// <param name="MemoryBytes">The bytes of all of them.</param>
/// <param name="Queues">The queues by ascending index.</param>
public sealed record PortSnapshot(
    string Name,
    string Driver,
    int? Device,
    string Endpoint,
    string Status,
    IReadOnlyList<string> Features,
    IReadOnlyList<string> ProtocolFeatures,
    int MemoryRegions,
    ulong MemoryBytes,
    IReadOnlyList<QueueSnapshot> Queues)
{
    /// <summary>The drops of all queues, whatever their reason.</summary>
    public ulong DropsTotal => Queues.Aggregate(0UL, (sum, queue) => sum + queue.DropsTotal());
}
