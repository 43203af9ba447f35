using System.Runtime.InteropServices;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;

namespace VhostSwitch.TestKit.Protocol;

/// <summary>Makes payloads of vhost-user messages. Nothing is checked: any number may be given.</summary>
public static class Payload
{
    /// <summary>One number.</summary>
    /// <param name="number">The number.</param>
    public static byte[] Number(ulong number) => Bytes(number);

    /// <summary>A ring state.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="number">Its number.</param>
    public static byte[] State(uint ring, uint number) => Bytes(new VringState { Index = ring, Num = number });

    /// <summary>A ring's addresses.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="addresses">The parts as the front-end has them.</param>
    public static byte[] Addresses(uint ring, VringAddresses addresses) =>
        Bytes(new VringAddr { Index = ring, Descriptor = addresses.Descriptor, Available = addresses.Available, Used = addresses.Used });

    /// <summary>A memory table.</summary>
    /// <param name="regions">The regions that are in it.</param>
    /// <param name="announced">How many it says there are; as many as there are by default.</param>
    public static byte[] Table(ReadOnlySpan<RegionDescription> regions, uint? announced = null)
    {
        const int Prefix = 8;
        byte[] payload = new byte[Prefix + (regions.Length * Marshal.SizeOf<MemoryRegionPayload>())];
        MemoryMarshal.Write(payload, announced ?? (uint)regions.Length);
        for (int i = 0; i < regions.Length; i++)
            MemoryMarshal.Write(payload.AsSpan(Prefix + (i * Marshal.SizeOf<MemoryRegionPayload>())), Wire(regions[i]));
        return payload;
    }

    /// <summary>A single region, as for ADD_MEM_REG.</summary>
    /// <param name="region">The region.</param>
    public static byte[] Region(RegionDescription region) => [.. new byte[8], .. Bytes(Wire(region))];

    /// <summary>A header and what follows it.</summary>
    /// <param name="request">Any number.</param>
    /// <param name="flags">Any flags.</param>
    /// <param name="announced">The length the header announces.</param>
    /// <param name="payload">The payload.</param>
    public static byte[] Message(uint request, uint flags, uint announced, ReadOnlySpan<byte> payload) =>
        [.. Bytes(new MessageHeader { Request = request, Flags = flags, Size = announced }), .. payload];

    private static MemoryRegionPayload Wire(RegionDescription region) =>
        new() { GuestAddress = region.GuestAddress, Size = region.Size, UserAddress = region.FrontEndAddress, MmapOffset = region.FileOffset };

    private static byte[] Bytes<T>(T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();
}
