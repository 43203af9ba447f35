using System.Text;

namespace VhostSwitch.Linux;

/// <summary>Memory files that can be handed to another process.</summary>
public static unsafe class SharedMemory
{
    /// <summary>Makes a memory file of a fixed length: zeroed, and sealed so that neither side can change its length.</summary>
    /// <param name="name">A name for <c>/proc/self/maps</c>; need not be unique.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="LinuxException">No memory, or no descriptor left.</exception>
    public static FileDescriptor Create(string name, nuint length)
    {
        var file = CreateUnsealed(name, length);
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
    public static FileDescriptor CreateUnsealed(string name, nuint length)
    {
        int fd;
        fixed (byte* utf8 = Encoding.UTF8.GetBytes(name + '\0'))
            fd = Libc.memfd_create(utf8, Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING);
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
