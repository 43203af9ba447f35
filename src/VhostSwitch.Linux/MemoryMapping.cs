using System.Numerics;
using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// A range of memory mapped into this process. There is no finalizer on purpose: a poll thread may hold the address, so the
/// owner unmaps it when every poll thread has let go of it, and not when the collector thinks so.
/// </summary>
public sealed unsafe class MemoryMapping : IDisposable
{
    private int _guard = -1;
    private bool _faulted;

    private MemoryMapping(byte* address, nuint length)
    {
        Address = address;
        Length = length;
    }

    /// <summary>The first byte; null once disposed.</summary>
    public byte* Address { get; private set; }

    /// <summary>The length in bytes, as mapped (rounded up to whole pages of the file).</summary>
    public nuint Length { get; }

    /// <summary>True where mappings of <see cref="OfPeerFile"/> are guarded: on x86-64.</summary>
    public static bool PeerFilesAreGuarded => FaultGuard.IsSupported;

    /// <summary>
    /// True once a page of a mapping of <see cref="OfPeerFile"/> had to be replaced by zeros, which then is not shared with anybody: its
    /// file was truncated, or the system had no memory left for it.
    /// </summary>
    public bool Faulted => _faulted || (_guard >= 0 && FaultGuard.Faults(_guard) != 0);

    /// <summary>Maps a file shared, readable and writable, from its start.</summary>
    /// <param name="file">A memfd, a file on tmpfs or hugetlbfs, or any regular file.</param>
    /// <param name="length">The number of bytes from the start of the file.</param>
    /// <exception cref="LinuxException">
    /// The kernel refuses: no memory, a file that cannot be mapped, a length that hugetlbfs does not take.
    /// </exception>
    public static MemoryMapping OfFile(FileDescriptor file, nuint length) => OfFile(file, length, FileSystemOf(file));

    /// <summary>
    /// Maps a file of somebody who is not trusted, shared, readable and writable, from its start. Where the file becomes shorter while it is
    /// mapped, this process goes on with zeros from there on, and <see cref="Faulted"/> says so; elsewhere that is a SIGBUS that ends it.
    /// </summary>
    /// <param name="file">A memfd, a file on tmpfs or hugetlbfs, or a regular file on a local disk.</param>
    /// <param name="length">The number of bytes from the start of the file.</param>
    /// <exception cref="LinuxException">
    /// As for <see cref="OfFile(FileDescriptor, nuint)"/>; also where too many are guarded already, and where the file lies on a network or in
    /// another process (<see cref="Errno.EOPNOTSUPP"/>), so that an access might wait for ever.
    /// </exception>
    public static MemoryMapping OfPeerFile(FileDescriptor file, nuint length)
    {
        var fileSystem = FileSystemOf(file);
        if (RemoteFileSystem.NameOf(fileSystem.f_type) is { } name)
        {
            throw new LinuxException($"mmap of a shared file on {name}, where an access may wait for ever; "
                + "a memfd and files on tmpfs, hugetlbfs and local disks are taken", Errno.EOPNOTSUPP);
        }
        var mapping = OfFile(file, length, fileSystem);
        if (!FaultGuard.IsSupported) return mapping;
        try
        {
            mapping._guard = FaultGuard.Add(mapping.Address, mapping.Length, PageSizeOf(fileSystem));
            return mapping;
        }
        catch
        {
            mapping.Dispose();
            throw;
        }
    }

    /// <summary>Maps memory of this process, zeroed: from huge pages where there are any, else from normal ones.</summary>
    /// <param name="length">The number of bytes; rounded up to <paramref name="hugePageSize"/> where huge pages are used.</param>
    /// <param name="hugePageSize">The huge page size in bytes, 0 for normal pages.</param>
    /// <exception cref="LinuxException">There is not enough memory of the wanted kind.</exception>
    public static MemoryMapping Anonymous(nuint length, nuint hugePageSize)
    {
        int flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS;
        if (hugePageSize != 0) flags |= Libc.MAP_HUGETLB | (BitOperations.Log2(hugePageSize) << Libc.MAP_HUGE_SHIFT);
        nuint unit = hugePageSize != 0 ? hugePageSize : (nuint)Environment.SystemPageSize;
        nuint rounded = (length + unit - 1) / unit * unit;
        void* address = Libc.mmap(null, rounded, Libc.PROT_READ | Libc.PROT_WRITE, flags, -1, 0);
        return (nint)address != -1 ? new MemoryMapping((byte*)address, rounded) : throw LinuxException.Last($"mmap of {rounded} bytes");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Address == null) return;
        if (_guard >= 0)
        {
            // The guard first: once unmapped, the addresses may be anyone's.
            _faulted = Faulted;
            FaultGuard.Remove(_guard);
            _guard = -1;
        }
        if (Libc.munmap(Address, Length) < 0)
            throw LinuxException.Last($"munmap of {Length} bytes");
        Address = null;
    }

    /// <summary>The length in bytes of the pages of a hugetlbfs mount; 0 where a directory is none.</summary>
    /// <param name="directory">The directory.</param>
    public static nuint HugePageSizeOf(string directory)
    {
        int fd = Libc.open(directory, Libc.O_RDONLY | Libc.O_CLOEXEC);
        if (fd < 0) return 0;
        using var opened = new FileDescriptor(fd);
        var fileSystem = FileSystemOf(opened);
        return (uint)fileSystem.f_type == Libc.HUGETLBFS_MAGIC ? (nuint)fileSystem.f_bsize : 0;
    }

    private static MemoryMapping OfFile(FileDescriptor file, nuint length, Libc.statfs fileSystem)
    {
        nuint page = PageSizeOf(fileSystem);
        length = (length + page - 1) / page * page;
        void* address = Libc.mmap(null, length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED | Libc.MAP_NORESERVE, file.Number, 0);
        if ((nint)address == -1)
            throw LinuxException.Last($"mmap of {length} bytes of a shared file");
        // A core file of this process must not hold the memory of its guests.
        _ = Libc.madvise(address, length, Libc.MADV_DONTDUMP);
        return new MemoryMapping((byte*)address, length);
    }

    private static Libc.statfs FileSystemOf(FileDescriptor file)
    {
        Libc.statfs fileSystem;
        return Libc.fstatfs(file.Number, &fileSystem) == 0 ? fileSystem : throw LinuxException.Last("fstatfs of a shared file");
    }

    // A mapping of huge pages can only be cut, and given back, in whole ones. The block size of other file systems means nothing here.
    private static nuint PageSizeOf(Libc.statfs fileSystem) =>
        (uint)fileSystem.f_type == Libc.HUGETLBFS_MAGIC ? (nuint)fileSystem.f_bsize : (nuint)Environment.SystemPageSize;
}
