using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>
/// A front-end that does not keep the rules, and the attacks it knows. Each attack gets a connection and a guest of its own.
/// The attacks are those of published flaws of vhost back-ends, and their relatives.
/// </summary>
public sealed class HostileFrontEnd : IDisposable
{
    private const uint BufferLength = 2048;

    private static readonly byte[] Source = [2, 0xba, 0xd0, 0, 0, 1];

    private readonly List<IDisposable> _kept = [];

    /// <summary>Connects.</summary>
    /// <param name="path">The back-end's socket.</param>
    /// <param name="options">What its guest is made of.</param>
    public HostileFrontEnd(string path, ScriptedGuestOptions options)
    {
        Guest = new ScriptedGuest(options);
        Script = FrontEndScript.Connect(path);
    }

    /// <summary>All attacks on a device that offers what devices offer by default; those on postcopy are <see cref="PostcopyAttacks"/>.</summary>
    public static IReadOnlyList<Attack> Attacks { get; } =
    [
        .. MessageAttacks.All, .. MemoryAttacks.All, .. RingAttacks.All, .. ChainAttacks.All, .. FrameAttacks.All, .. PackedRingAttacks.All,
        .. LogAttacks.All, .. IommuAttacks.All, .. InflightAttacks.All,
    ];

    /// <summary>The connection.</summary>
    public FrontEndScript Script { get; }

    /// <summary>Memory, rings and descriptors to attack with.</summary>
    public ScriptedGuest Guest { get; }

    /// <summary>The ring by which a guest with split rings transmits.</summary>
    public SplitRingWriter Transmit => Guest.Transmit;

    /// <summary>The ring by which a guest with split rings receives.</summary>
    public SplitRingWriter Receive => Guest.Receive;

    /// <summary>An attack by its name.</summary>
    /// <param name="name">The name.</param>
    public static Attack Find(string name) => Attacks.Concat(PostcopyAttacks.All).First(a => a.Name == name);

    /// <summary>Agrees on protocol features as every front-end does, so that acknowledgements work.</summary>
    /// <param name="more">Protocol features beside the usual ones.</param>
    public void Negotiate(Vhost.ProtocolFeatures more = Vhost.ProtocolFeatures.None)
    {
        Script.Send(FrontEndRequest.SetOwner);
        FrontEndHandshake.NegotiateProtocol(Script, FrontEndHandshake.WantedProtocolFeatures | more);
    }

    /// <summary>Sets up the device as an honest guest does. The rings run on return.</summary>
    public void SetUp() => FrontEndHandshake.Qemu(Script, Guest);

    /// <summary>Sets memory aside for a frame with its header; it holds a header of zeros and a broadcast.</summary>
    /// <param name="length">Bytes of header and frame together.</param>
    public ulong Buffer(uint length = BufferLength)
    {
        ulong address = Guest.Memory.Allocate(length);
        if (length >= (uint)Guest.HeaderLength + 12) WriteEthernetHeader(address, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        return address;
    }

    /// <summary>The same for a frame to the guest itself, which the switch drops: very many of these fill nobody's ring.</summary>
    public ulong BufferForNobody()
    {
        ulong address = Guest.Memory.Allocate(BufferLength);
        WriteEthernetHeader(address, Source);
        return address;
    }

    /// <summary>Makes one chain available for transmission and tells the back-end.</summary>
    /// <param name="head">Any descriptor index.</param>
    public void Transmits(ushort head)
    {
        Transmit.Offer(head);
        Guest.Kick(1);
    }

    /// <summary>Transmits a frame whose header is the attack; the frame itself is well-formed.</summary>
    /// <param name="header">The header's fields.</param>
    /// <param name="length">The frame's length in bytes.</param>
    public void TransmitsFrame(NetHeader header, uint length = 60)
    {
        ulong buffer = Buffer();
        unsafe
        {
            Guest.Memory.Write(buffer, new ReadOnlySpan<byte>(&header, Guest.HeaderLength));
        }
        Transmit.Describe(0, buffer, (uint)Guest.HeaderLength + length);
        Transmits(0);
    }

    /// <summary>Makes one chain available for reception.</summary>
    /// <param name="head">Any descriptor index.</param>
    public void Receives(ushort head)
    {
        Receive.Offer(head);
        Guest.Kick(0);
    }

    /// <summary>Insists that the back-end says yes.</summary>
    /// <param name="status">What it answered.</param>
    /// <exception cref="FrontEndScriptException">It said no.</exception>
    public static void MustSucceed(ulong status)
    {
        if (status != 0) throw new FrontEndScriptException("the back-end refused what it should take");
    }

    /// <summary>Insists that the back-end says no.</summary>
    /// <param name="status">What it answered.</param>
    /// <exception cref="FrontEndScriptException">It said yes.</exception>
    public static void MustBeRefused(ulong status)
    {
        if (status == 0) throw new FrontEndScriptException("the back-end accepted what it had to refuse");
    }

    /// <summary>Keeps something open as long as the connection.</summary>
    /// <param name="other">A socket, for example.</param>
    public void Keep(IDisposable other) => _kept.Add(other);

    /// <inheritdoc/>
    public void Dispose()
    {
        Script.Dispose();
        _kept.ForEach(k => k.Dispose());
        Guest.Dispose();
    }

    /// <summary>A chain of one descriptor for transmission.</summary>
    /// <param name="address">Any address.</param>
    /// <param name="length">Any length.</param>
    /// <param name="flags">Any flags.</param>
    /// <param name="next">Any index.</param>
    internal void TransmitsDescriptor(ulong address, uint length, ushort flags = 0, ushort next = 0)
    {
        Transmit.Describe(0, address, length, flags, next);
        Transmits(0);
    }

    /// <summary>A chain of one descriptor for reception.</summary>
    /// <param name="address">Any address.</param>
    /// <param name="length">Any length.</param>
    /// <param name="flags">Any flags beside the one that lets the device write.</param>
    /// <param name="next">Any index.</param>
    internal void ReceivesDescriptor(ulong address, uint length, ushort flags = 0, ushort next = 0)
    {
        Receive.Describe(0, address, length, (ushort)(flags | Descriptor.Write), next);
        Receives(0);
    }

    private void WriteEthernetHeader(ulong buffer, ReadOnlySpan<byte> destination) =>
        Guest.Memory.Write(buffer + (ulong)Guest.HeaderLength, [.. destination, .. Source, 0x88, 0xb6]);
}
