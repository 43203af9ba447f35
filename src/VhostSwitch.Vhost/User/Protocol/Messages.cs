using System.Runtime.InteropServices;

namespace VhostSwitch.Vhost.User;

/// <summary>Requests of the front-end (vhost-user, "Front-end message types"), as far as this back-end knows them.</summary>
public enum FrontEndRequest : uint
{
    /// <summary>Which virtio features are offered.</summary>
    GetFeatures = 1,

    /// <summary>Which virtio features the driver takes.</summary>
    SetFeatures = 2,

    /// <summary>A session begins.</summary>
    SetOwner = 3,

    /// <summary>Deprecated.</summary>
    ResetOwner = 4,

    /// <summary>The whole memory table.</summary>
    SetMemTable = 5,

    /// <summary>The log of a live migration.</summary>
    SetLogBase = 6,

    /// <summary>A ring's size.</summary>
    SetVringNum = 8,

    /// <summary>A ring's addresses.</summary>
    SetVringAddr = 9,

    /// <summary>A ring's next entry.</summary>
    SetVringBase = 10,

    /// <summary>Stops a ring and asks for its next entry.</summary>
    GetVringBase = 11,

    /// <summary>Starts a ring.</summary>
    SetVringKick = 12,

    /// <summary>How to notify the guest.</summary>
    SetVringCall = 13,

    /// <summary>How to tell of a broken ring.</summary>
    SetVringErr = 14,

    /// <summary>Which protocol features are offered.</summary>
    GetProtocolFeatures = 15,

    /// <summary>Which protocol features the front-end takes.</summary>
    SetProtocolFeatures = 16,

    /// <summary>How many queue pairs there may be.</summary>
    GetQueueNum = 17,

    /// <summary>Enables or disables a ring.</summary>
    SetVringEnable = 18,

    /// <summary>The guest has moved here.</summary>
    SendRarp = 19,

    /// <summary>The MTU.</summary>
    NetSetMtu = 20,

    /// <summary>A socket for requests of the back-end.</summary>
    SetBackendReqFd = 21,

    /// <summary>A translation of the guest's IOMMU, or its end.</summary>
    Iotlb = 22,

    /// <summary>A postcopy migration is coming.</summary>
    PostcopyAdvise = 28,

    /// <summary>Memory that comes from now on is filled later.</summary>
    PostcopyListen = 29,

    /// <summary>All memory is filled.</summary>
    PostcopyEnd = 30,

    /// <summary>Asks for memory in which the back-end notes what it has taken.</summary>
    GetInflightFd = 31,

    /// <summary>Such memory from an earlier back-end.</summary>
    SetInflightFd = 32,

    /// <summary>Resets the device.</summary>
    ResetDevice = 34,

    /// <summary>How many memory slots there are.</summary>
    GetMaxMemSlots = 36,

    /// <summary>Adds one memory region.</summary>
    AddMemReg = 37,

    /// <summary>Removes one memory region.</summary>
    RemMemReg = 38,

    /// <summary>The virtio status.</summary>
    SetStatus = 39,

    /// <summary>Asks for the virtio status.</summary>
    GetStatus = 40,
}

/// <summary>Requests of the back-end (vhost-user, "Back-end message types"), as far as this one makes them.</summary>
public enum BackEndRequest : uint
{
    /// <summary>Asks for a translation of the guest's IOMMU.</summary>
    Iotlb = 1,
}

/// <summary>The header before every message, 12 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public struct MessageHeader
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 12;

    /// <summary><see cref="Flags"/>: the protocol's version, in the two lowest bits.</summary>
    public const uint Version = 1;

    /// <summary><see cref="Flags"/>: the bits of the version.</summary>
    public const uint VersionMask = 3;

    /// <summary><see cref="Flags"/>: this is an answer.</summary>
    public const uint Reply = 4;

    /// <summary><see cref="Flags"/>: an answer is asked for.</summary>
    public const uint NeedReply = 8;

    /// <summary>The request's number.</summary>
    public uint Request;

    /// <summary>Version, <see cref="Reply"/>, <see cref="NeedReply"/>.</summary>
    public uint Flags;

    /// <summary>Bytes of payload that follow.</summary>
    public uint Size;
}

/// <summary>Payload of the ring messages with a number, 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct VringState
{
    /// <summary>The ring.</summary>
    public uint Index;

    /// <summary>The number.</summary>
    public uint Num;
}

/// <summary>Payload of SET_LOG_BASE, 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LogArea
{
    /// <summary>The length of the log in bytes.</summary>
    public ulong Size;

    /// <summary>Where it starts in its file.</summary>
    public ulong Offset;
}

/// <summary>Payload of SET_VRING_ADDR, 40 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct VringAddr
{
    /// <summary><see cref="Flags"/>: writes to the used ring are logged under <see cref="Log"/>.</summary>
    public const uint LogUsed = 1;

    /// <summary>The ring.</summary>
    public uint Index;

    /// <summary>Bit 0: log writes to the used ring.</summary>
    public uint Flags;

    /// <summary>The descriptor table.</summary>
    public ulong Descriptor;

    /// <summary>The used ring.</summary>
    public ulong Used;

    /// <summary>The available ring.</summary>
    public ulong Available;

    /// <summary>The guest address of the used ring for the log.</summary>
    public ulong Log;
}

/// <summary>One region of a memory table, 32 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryRegionPayload
{
    /// <summary>The first guest-physical address.</summary>
    public ulong GuestAddress;

    /// <summary>The length in bytes.</summary>
    public ulong Size;

    /// <summary>The front-end's address.</summary>
    public ulong UserAddress;

    /// <summary>Where it starts in its file.</summary>
    public ulong MmapOffset;

    /// <summary>The same, without the layout of the wire.</summary>
    public readonly RegionDescription Description => new(GuestAddress, Size, UserAddress, MmapOffset);
}

/// <summary>Payload of GET_INFLIGHT_FD and SET_INFLIGHT_FD, 24 bytes with their padding.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct InflightPayload
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 24;

    /// <summary>The memory's length in bytes.</summary>
    public ulong Size;

    /// <summary>Where it starts in its file.</summary>
    public ulong Offset;

    /// <summary>The number of rings.</summary>
    public ushort Queues;

    /// <summary>The most entries of each.</summary>
    public ushort QueueSize;
}

/// <summary>Payload of the messages about the guest's IOMMU, 32 bytes with their padding.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct IotlbPayload
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 32;

    /// <summary><see cref="Type"/>: the back-end misses a translation.</summary>
    public const byte Miss = 1;

    /// <summary><see cref="Type"/>: here is one.</summary>
    public const byte Update = 2;

    /// <summary><see cref="Type"/>: these are no longer valid.</summary>
    public const byte Invalidate = 3;

    /// <summary>The first address as the device names it.</summary>
    public ulong Address;

    /// <summary>The length in bytes.</summary>
    public ulong Size;

    /// <summary>Where the front-end has it.</summary>
    public ulong UserAddress;

    /// <summary>What the device may do, or wants to.</summary>
    public byte Access;

    /// <summary><see cref="Miss"/>, <see cref="Update"/> or <see cref="Invalidate"/>.</summary>
    public byte Type;
}

/// <summary>Bits of the number in SET_VRING_KICK, SET_VRING_CALL and SET_VRING_ERR.</summary>
public static class VringDescriptorBits
{
    /// <summary>The ring.</summary>
    public const ulong IndexMask = 0xff;

    /// <summary>No descriptor comes with the message.</summary>
    public const ulong NoDescriptor = 0x100;
}
