using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Virtio;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// One region of a guest's memory, as a memory file. Before and after the region the file has a page that no guest address
/// names, filled with a pattern: a back-end that writes beyond the region's end is seen by it.
/// </summary>
public sealed unsafe class GuestMemoryFile : IDisposable
{
    /// <summary>Length in bytes of each of the two guards.</summary>
    public const ulong GuardLength = 4096;

    private const byte GuardPattern = 0xa5;
    private readonly MemoryMapping _mapping;

    /// <summary>Makes the memory, zeroed.</summary>
    /// <param name="name">A name for <c>/proc/self/maps</c>.</param>
    /// <param name="guestAddress">The first guest-physical address.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="frontEndAddress">The address the front-end names it by.</param>
    /// <param name="isSealed">False for a file that can be made shorter while it is mapped.</param>
    /// <exception cref="LinuxException">No memory, or no descriptor left.</exception>
    public GuestMemoryFile(string name, ulong guestAddress, ulong length, ulong frontEndAddress, bool isSealed = true)
    {
        GuestAddress = guestAddress;
        Length = length;
        FrontEndAddress = frontEndAddress;
        nuint whole = (nuint)((2 * GuardLength) + length);
        File = isSealed ? SharedMemory.Create(name, whole) : SharedMemory.CreateUnsealed(name, whole);
        _mapping = MemoryMapping.OfFile(File, whole);
        Guard(0).Fill(GuardPattern);
        Guard(GuardLength + length).Fill(GuardPattern);
    }

    /// <summary>The file, to be handed to the back-end.</summary>
    public FileDescriptor File { get; }

    /// <summary>The first guest-physical address.</summary>
    public ulong GuestAddress { get; }

    /// <summary>The length in bytes.</summary>
    public ulong Length { get; }

    /// <summary>The first address beyond the region.</summary>
    public ulong End => unchecked(GuestAddress + Length);

    /// <summary>The address the front-end names it by.</summary>
    public ulong FrontEndAddress { get; }

    /// <summary>The region's first byte in this process.</summary>
    public byte* Host => _mapping.Address + GuardLength;

    /// <summary>The region as a front-end describes it.</summary>
    public RegionDescription Description => new(GuestAddress, Length, FrontEndAddress, GuardLength);

    /// <summary>The region as a back-end in this process has it, through the mapping of this object.</summary>
    public MemoryRegion Region => new(new GuestAddress(GuestAddress), Length, FrontEndAddress, (nuint)Host);

    /// <summary>True while nobody has written outside the region.</summary>
    public bool GuardsAreIntact => !Guard(0).ContainsAnyExcept(GuardPattern) && !Guard(GuardLength + Length).ContainsAnyExcept(GuardPattern);

    /// <summary>True for an address of this region.</summary>
    /// <param name="guestAddress">A guest-physical address.</param>
    public bool Contains(ulong guestAddress) => guestAddress - GuestAddress < Length && guestAddress >= GuestAddress;

    /// <inheritdoc/>
    public void Dispose()
    {
        _mapping.Dispose();
        File.Dispose();
    }

    private Span<byte> Guard(ulong offset) => new(_mapping.Address + offset, (int)GuardLength);
}
