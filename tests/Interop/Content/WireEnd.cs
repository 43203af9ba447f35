using System.ComponentModel;
using System.Runtime.InteropServices;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Interop.Content;

/// <summary>
/// An interface in a namespace, on which this process sends and receives whole frames by a packet socket. With a VLAN id every frame is sent
/// with that tag, and the tag is demanded of every frame and taken off. Frames of other types than those of <see cref="RandomFrames"/> are passed
/// over.
/// </summary>
internal sealed unsafe partial class WireEnd : IFrameEnd
{
    private const int AF_PACKET = 17, SOCK_RAW = 3, SOCK_NONBLOCK = 0x800, CLONE_NEWNET = 0x40000000, O_RDONLY = 0;
    private const int SOL_SOCKET = 1, SO_RCVBUFFORCE = 33, SOL_PACKET = 263, PACKET_AUXDATA = 8, PACKET_IGNORE_OUTGOING = 23;
    private const uint TP_STATUS_VLAN_VALID = 0x10;
    private const short POLLIN = 1;
    private const int ReceiveBuffer = 1 << 24;
    private const int MacsLength = 12, TagLength = 4;
    private const int WaitMs = 1;

    private readonly int _socket;
    private readonly ushort? _vlan;
    private readonly byte[] _buffer = new byte[ushort.MaxValue];

    /// <exception cref="RigException">There is no such interface.</exception>
    public WireEnd(NetworkNamespace place, string interfaceName, ushort? vlan = null)
    {
        _vlan = vlan;
        // The namespace is the thread's, so a thread of its own goes there and ends there.
        int socketThere = -1;
        string? error = null;
        Thread opener = new(() =>
        {
            try
            {
                socketThere = OpenIn(place.Name, interfaceName);
            }
            catch (Win32Exception e)
            {
                error = e.Message;
            }
        });
        opener.Start();
        opener.Join();
        if (error is not null)
            throw new RigException($"no packet socket on {interfaceName}: {error}");
        _socket = socketThere;
    }

    public int QueuePairs => 1;

    public long Sent { get; private set; }

    public long Received { get; private set; }

    public bool TrySend(int pair, ReadOnlySpan<byte> frame, int parts)
    {
        Span<byte> whole = _buffer;
        int length = frame.Length;
        if (_vlan is { } vlan)
        {
            frame[..MacsLength].CopyTo(whole);
            ReadOnlySpan<byte> tag = [0x81, 0x00, (byte)(vlan >> 8), (byte)vlan];
            tag.CopyTo(whole[MacsLength..]);
            frame[MacsLength..].CopyTo(whole[(MacsLength + TagLength)..]);
            length += TagLength;
        }
        else frame.CopyTo(whole);
        fixed (byte* data = whole)
        {
            if (send(_socket, data, (nuint)length, 0) != length)
                return false;
        }
        Sent++;
        return true;
    }

    public int TryReceive(int pair, Span<byte> frame)
    {
        while (true)
        {
            int length = Receive(frame, out uint? tag);
            if (length < 0)
                return -1;
            if (length < 14 || frame[12] != 0x88 || frame[13] != 0xb5)
                continue;
            ushort? vlan = (ushort?)tag;
            if (vlan != _vlan)
                throw new RigException($"a frame came with {Name(vlan)} in place of {Name(_vlan)}: {RandomFrames.Describe(frame[..length])}");
            Received++;
            return length;
        }
    }

    /// <summary>Takes a frame of any type as it was on the wire, its tag in its place; null where there is none.</summary>
    public byte[]? TryReceiveAny()
    {
        int length = Receive(_buffer, out uint? tag);
        if (length < 0)
            return null;
        Received++;
        if (tag is not { } word)
            return _buffer[..length];
        byte[] header = [(byte)(word >> 24), (byte)(word >> 16), (byte)(word >> 8), (byte)word];
        return [.. _buffer[..MacsLength], .. header, .. _buffer[MacsLength..length]];
    }

    /// <param name="tag">The type and the control of a tag that the kernel has taken out; null where there was none.</param>
    private int Receive(Span<byte> frame, out uint? tag)
    {
        byte* control = stackalloc byte[64];
        fixed (byte* data = frame)
        {
            IoVector vector = new() { Base = data, Length = (nuint)frame.Length };
            MessageHeader message = new() { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = 64 };
            int length = (int)recvmsg(_socket, &message, 0);
            // struct cmsghdr of 16 bytes, then struct tpacket_auxdata: the status first, the tag's control at 16, its type behind it.
            bool tagged = length >= 0 && message.ControlLength >= 36 && (*(uint*)(control + 16) & TP_STATUS_VLAN_VALID) != 0;
            tag = tagged ? *(ushort*)(control + 32) | ((uint)*(ushort*)(control + 34) << 16) : null;
            return length;
        }
    }

    public void Wait()
    {
        PollWish wish = new() { Descriptor = _socket, Events = POLLIN };
        _ = poll(&wish, 1, WaitMs);
    }

    public void Dispose() => _ = close(_socket);

    public override string ToString() => $"packet socket: {Sent} sent, {Received} received";

    private static string Name(ushort? vlan) => vlan is null ? "no tag" : $"the tag {vlan:x4}";

    private static int OpenIn(string place, string interfaceName)
    {
        int there = open($"/run/netns/{place}", O_RDONLY);
        if (there < 0 || setns(there, CLONE_NEWNET) < 0)
            throw new Win32Exception();
        _ = close(there);
        int socket = WireEnd.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
        int on = 1, room = ReceiveBuffer;
        LinkAddress address = new() { Family = AF_PACKET, Protocol = 0x0300, Index = (int)if_nametoindex(interfaceName) };
        if (socket < 0 || address.Index == 0
            || setsockopt(socket, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(int)) < 0
            || setsockopt(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(int)) < 0
            || setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(int)) < 0
            || bind(socket, &address, (uint)sizeof(LinkAddress)) < 0)
            throw new Win32Exception();
        return socket;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkAddress
    {
        public ushort Family;
        public ushort Protocol;
        public int Index;
        public ushort Type;
        public byte Kind;
        public byte AddressLength;
        public ulong Address;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        public void* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollWish
    {
        public int Descriptor;
        public short Events;
        public short Seen;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int descriptor, int kind);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int socket, void* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int socket, int level, int option, void* value, uint length);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string name);

    [LibraryImport("libc")]
    private static partial nint send(int socket, void* data, nuint length, int flags);

    [LibraryImport("libc")]
    private static partial nint recvmsg(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc")]
    private static partial int poll(PollWish* wishes, nuint count, int limitMs);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
