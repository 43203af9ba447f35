using System.Numerics;
using System.Text;

namespace VhostSwitch.Linux;

/// <summary>Memory files that can be handed to another process.</summary>
public static unsafe class SharedMemory
{
    /// <summary>Makes a memory file of a fixed length: zeroed, and sealed so that neither side can change its length.</summary>
    /// <param name="name">A name for <c>/proc/self/maps</c>; need not be unique.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="hugePageSize">
    /// The length in bytes of huge pages to make it of, all of them taken at once; 0 for normal pages, which are taken when they are touched.
    /// </param>
    /// <exception cref="LinuxException">No memory (<see cref="Errno.ENOMEM"/> where huge pages are wanting), or no descriptor left.</exception>
    public static FileDescriptor Create(string name, nuint length, nuint hugePageSize = 0)
    {
        var file = Make(name, length, hugePageSize == 0 ? 0 : Libc.MFD_HUGETLB | ((uint)BitOperations.Log2(hugePageSize) << Libc.MAP_HUGE_SHIFT));
        if (hugePageSize != 0 && Libc.posix_fallocate(file.Number, 0, (nint)length) != 0)
        {
            // Taken now, or the first touch of a page that is not there would be the end of the process.
            file.Dispose();
            throw new LinuxException($"{length} bytes of huge pages for {name}", Errno.ENOMEM);
        }
        if (Libc.fcntl(file.Number, Libc.F_ADD_SEALS, Libc.F_SEAL_SHRINK | Libc.F_SEAL_GROW | Libc.F_SEAL_SEAL) >= 0)
            return file;
        var error = LinuxException.Last($"sealing the memory file {name}");
        file.Dispose();
        throw error;
    }

    /// <summary>Makes a memory file whose length can still be changed by whoever holds it. For tests of what happens then.</summary>
    /// <param name="name">A name for <c>/proc/self/maps</c>; need not be unique.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="LinuxException">No memory, or no descriptor left.</exception>
    public static FileDescriptor CreateUnsealed(string name, nuint length) => Make(name, length, 0);

    private static FileDescriptor Make(string name, nuint length, uint flags)
    {
        int fd;
        fixed (byte* utf8 = Encoding.UTF8.GetBytes(name + '\0'))
            fd = Libc.memfd_create(utf8, Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING | flags);
        if (fd < 0)
            throw LinuxException.Last("memfd_create");
        var file = new FileDescriptor(fd);
        if (Libc.ftruncate(fd, (nint)length) >= 0)
            return file;
        var error = LinuxException.Last($"setting the memory file {name} to {length} bytes");
        file.Dispose();
        throw error;
    }
}
