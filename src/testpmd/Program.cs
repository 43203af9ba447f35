using VhostSwitch.Testpmd;

return TestpmdProgram.Run(args);
