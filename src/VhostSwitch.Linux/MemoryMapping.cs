using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// A range of memory mapped into this process. There is no finalizer on purpose: a poll thread may hold the address, so the
/// owner unmaps it when every poll thread has let go of it, and not when the collector thinks so.
/// </summary>
public sealed unsafe class MemoryMapping : IDisposable
{
    private MemoryMapping(byte* address, nuint length)
    {
        Address = address;
        Length = length;
    }

    /// <summary>The first byte; null once disposed.</summary>
    public byte* Address { get; private set; }

    /// <summary>The length in bytes, as mapped (rounded up to whole pages of the file).</summary>
    public nuint Length { get; }

    /// <summary>Maps a file shared, readable and writable, from its start.</summary>
    /// <param name="file">A memfd, a file on tmpfs or hugetlbfs, or any regular file.</param>
    /// <param name="length">The number of bytes from the start of the file.</param>
    /// <exception cref="LinuxException">The kernel refuses: no memory, a file that cannot be mapped, a length that hugetlbfs does not take.</exception>
    public static MemoryMapping OfFile(FileDescriptor file, nuint length)
    {
        // A mapping of huge pages can only be given back whole, so its length is rounded up to the file system's page size.
        Libc.statfs fileSystem;
        if (Libc.fstatfs(file.Number, &fileSystem) < 0)
            throw LinuxException.Last("fstatfs of a shared file");
        nuint page = (nuint)Math.Max(fileSystem.f_bsize, Environment.SystemPageSize);
        length = (length + page - 1) / page * page;
        void* address = Libc.mmap(null, length, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED | Libc.MAP_NORESERVE, file.Number, 0);
        if ((nint)address == -1)
            throw LinuxException.Last($"mmap of {length} bytes of a shared file");
        // A core file of this process must not hold the memory of its guests.
        _ = Libc.madvise(address, length, Libc.MADV_DONTDUMP);
        return new MemoryMapping((byte*)address, length);
    }

    /// <summary>Maps memory of this process, zeroed: from huge pages where there are any, else from normal ones.</summary>
    /// <param name="length">The number of bytes; rounded up to <paramref name="hugePageSize"/> where huge pages are used.</param>
    /// <param name="hugePageSize">The huge page size in bytes, 0 for normal pages.</param>
    /// <exception cref="LinuxException">There is not enough memory of the wanted kind.</exception>
    public static MemoryMapping Anonymous(nuint length, nuint hugePageSize)
    {
        int flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | (hugePageSize != 0 ? Libc.MAP_HUGETLB : 0);
        nuint unit = hugePageSize != 0 ? hugePageSize : (nuint)Environment.SystemPageSize;
        nuint rounded = (length + unit - 1) / unit * unit;
        void* address = Libc.mmap(null, rounded, Libc.PROT_READ | Libc.PROT_WRITE, flags, -1, 0);
        return (nint)address != -1 ? new MemoryMapping((byte*)address, rounded) : throw LinuxException.Last($"mmap of {rounded} bytes");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Address == null) return;
        if (Libc.munmap(Address, Length) < 0)
            throw LinuxException.Last($"munmap of {Length} bytes");
        Address = null;
    }
}
