using System.Runtime.InteropServices;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// A back-end on a vhost-user socket, spoken to in the order of DPDK's <c>virtio_user</c>: what it can do, what both want, memory and rings.
/// </summary>
internal sealed unsafe class VhostUserBackEnd : IBackEnd
{
    // Of the device status register (VIRTIO 1.2, 2.1).
    private const ulong StatusDriver = 1 | 2;
    private const ulong StatusFeaturesOk = 8;
    private const ulong StatusDriverOk = 4;

    // Bits that are an agreement between driver and front-end alone.
    private const Features OfFrontEnd = Features.Mac | Features.Status | Features.CtrlVq;

    private const ProtocolFeatures Wanted = ProtocolFeatures.Mq | ProtocolFeatures.ReplyAck | ProtocolFeatures.Status;

    private readonly VhostUserConnection _connection;
    private readonly ProtocolFeatures _protocol;
    private int _rings;

    /// <summary>Asks what the back-end can do.</summary>
    /// <param name="connection">A new connection; stays the caller's where this fails.</param>
    /// <exception cref="VirtioUserException">It did not answer in time or broke the protocol.</exception>
    internal VhostUserBackEnd(VhostUserConnection connection)
    {
        _connection = connection;
        connection.Send(FrontEndRequest.SetOwner, []);
        Offered = (Features)connection.Ask<ulong>(FrontEndRequest.GetFeatures);
        if (HasProtocol)
        {
            _protocol = (ProtocolFeatures)connection.Ask<ulong>(FrontEndRequest.GetProtocolFeatures) & Wanted;
            connection.Send(FrontEndRequest.SetProtocolFeatures, (ulong)_protocol);
            connection.ReplyAck = (_protocol & ProtocolFeatures.ReplyAck) != 0;
        }
        ulong pairs = (_protocol & ProtocolFeatures.Mq) != 0 ? connection.Ask<ulong>(FrontEndRequest.GetQueueNum) : 1;
        MaxPairs = (int)Math.Min(pairs, int.MaxValue);
    }

    /// <inheritdoc/>
    public Features Offered { get; }

    /// <inheritdoc/>
    public int MaxPairs { get; }

    /// <summary>The connection.</summary>
    internal VhostUserConnection Connection => _connection;

    private bool HasProtocol => (Offered & Features.ProtocolFeatures) != 0;

    private bool HasStatus => (_protocol & ProtocolFeatures.Status) != 0;

    /// <inheritdoc/>
    public void Negotiate(Features features, DriverRings rings, int pairs)
    {
        _rings = DriverRings.RingsOfAPair * pairs;
        for (int ring = 0; ring < _rings; ring++)
            _connection.Send(FrontEndRequest.SetVringCall, (ulong)ring, [rings.Calls[ring].Number]);
        _connection.Send(FrontEndRequest.SetFeatures, (ulong)((features & ~OfFrontEnd) | (Offered & Features.ProtocolFeatures)));
        if (!HasStatus) return;
        _connection.Send(FrontEndRequest.SetStatus, StatusDriver | StatusFeaturesOk, acknowledged: true);
        if ((_connection.Ask<ulong>(FrontEndRequest.GetStatus) & StatusFeaturesOk) == 0)
        {
            throw new VirtioUserException(
                $"the back-end at {_connection.Path} does not accept the features {string.Join(", ", FeatureNames.Of(features))}");
        }
    }

    /// <inheritdoc/>
    public void Start(DriverMemory memory, DriverRings rings, ReadOnlySpan<uint> positions, int enabled)
    {
        SendMemoryTable(memory);
        for (int ring = 0; ring < _rings; ring++)
        {
            uint index = (uint)ring;
            ref readonly var parts = ref rings.PartsOf(ring);
            _connection.Send(FrontEndRequest.SetVringNum, new VringState { Index = index, Num = (uint)rings.Size });
            _connection.Send(FrontEndRequest.SetVringBase, new VringState { Index = index, Num = positions[ring] });
            _connection.Send(FrontEndRequest.SetVringAddr, new VringAddr
            {
                Index = index,
                Descriptor = (ulong)parts.Descriptors,
                Available = (ulong)parts.Available,
                Used = (ulong)parts.Used,
            });
            _connection.Send(FrontEndRequest.SetVringKick, (ulong)index, [rings.Kicks[ring].Number]);
        }
        for (int pair = 0; pair < _rings / DriverRings.RingsOfAPair; pair++)
            Enable(pair, pair < enabled);
        if (HasStatus)
            _connection.Send(FrontEndRequest.SetStatus, StatusDriver | StatusFeaturesOk | StatusDriverOk, acknowledged: true);
        // Requests are done in order: when this is answered a back-end that acknowledges nothing has taken memory and rings too.
        if (!_connection.ReplyAck) _ = _connection.Ask<ulong>(FrontEndRequest.GetFeatures);
    }

    /// <inheritdoc/>
    // Without protocol features a ring is enabled from its start (vhost-user, "Ring states").
    public void Enable(int pair, bool enabled)
    {
        if (!HasProtocol) return;
        for (int ring = pair * DriverRings.RingsOfAPair; ring < (pair + 1) * DriverRings.RingsOfAPair; ring++)
            _connection.Send(FrontEndRequest.SetVringEnable, new VringState { Index = (uint)ring, Num = enabled ? 1u : 0u });
    }

    /// <inheritdoc/>
    public void Stop()
    {
        for (int pair = 0; pair < _rings / DriverRings.RingsOfAPair; pair++)
            Enable(pair, false);
        for (uint ring = 0; ring < _rings; ring++)
        {
            var state = new VringState { Index = ring };
            _ = _connection.Ask<VringState>(FrontEndRequest.GetVringBase, MemoryMarshal.AsBytes(new Span<VringState>(ref state)));
        }
        if (HasStatus) _connection.Send(FrontEndRequest.SetStatus, 0UL, acknowledged: true);
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private void SendMemoryTable(DriverMemory memory)
    {
        Span<byte> table = stackalloc byte[sizeof(ulong) + (VirtioUserOptions.MaxMemoryRegions * sizeof(MemoryRegionPayload))];
        Span<int> files = stackalloc int[VirtioUserOptions.MaxMemoryRegions];
        table.Clear();
        table[0] = (byte)memory.Regions;
        for (int i = 0; i < memory.Regions; i++)
        {
            var region = memory.Describe(i);
            MemoryMarshal.Write(table[(sizeof(ulong) + (i * sizeof(MemoryRegionPayload)))..], in region);
            files[i] = memory.FileOf(i);
        }
        int length = sizeof(ulong) + (memory.Regions * sizeof(MemoryRegionPayload));
        _connection.Send(FrontEndRequest.SetMemTable, table[..length], files[..memory.Regions], acknowledged: true);
    }
}
