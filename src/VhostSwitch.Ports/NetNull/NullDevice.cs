using VhostSwitch.Linux;
using VhostSwitch.Packets;

namespace VhostSwitch.Ports.NetNull;

/// <summary>A device of <see cref="NullDriver"/>.</summary>
internal sealed class NullDevice : PortDevice
{
    private const int DefaultFrameLength = 64;

    private readonly int _frameLength;
    private readonly bool _copies;
    private readonly bool _gives;
    private MemoryMapping? _memory;

    public NullDevice(Vdev vdev, PortContext context)
        : base(vdev, context)
    {
        _frameLength = vdev.Number("size", DefaultFrameLength, Ethernet.SnapshotLength, Ethernet.MaxFrameLength);
        _copies = vdev.Flag("copy", false);
        _gives = !vdev.Flag("no-rx", true);
    }

    /// <inheritdoc/>
    public override string Endpoint => "nowhere";

    /// <inheritdoc/>
    public override MacAddress? Address => null;

    /// <inheritdoc/>
    public override string Status => _gives ? $"up: gives frames of {_frameLength} bytes" : "up: takes frames";

    /// <inheritdoc/>
    protected override unsafe void Open()
    {
        _memory = Context.Memory.Take((nuint)(NullInput.MemoryLength(_frameLength) + NullOutput.MemoryLength));
        byte* own = _memory.Address + NullInput.MemoryLength(_frameLength);
        Use(_gives ? [new NullInput(_memory.Address, _frameLength, _copies, InputCountersOf(0))] : [], [new NullOutput(_copies ? own : null, OutputCountersOf(0))]);
    }

    /// <inheritdoc/>
    protected override void Close() => _memory?.Dispose();
}
